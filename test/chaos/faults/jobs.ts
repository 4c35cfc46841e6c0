// Faults of daemons that run deferred work, under the same load as all others.
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_TOKEN, JOB_MODEL, LEASE_MS, REAP_MS } from '../configuration.ts';
import type { Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';
import { GONE, killAndStartAgain } from './daemons.ts';

const LINES = 60;
const LINE_MS = 400;
/** So many run at once over three daemons that one of them has some. */
const RUNNING = 9;
/** A lost job is lent again once its lock, which is as long as a lease, was found to be over. */
const ENDED_WITHIN_MS = 8 * LEASE_MS;
const LOOK_MS = 50;

interface Batch {
  readonly id: string;
  readonly status: string;
  readonly output_file_id: string | null;
}

async function answerOf<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.json()) as T;
}

/** A batch whose lines take a while each. */
async function submit(url: string): Promise<Batch> {
  const content = `Hello [sim latency=${LINE_MS}]`;
  const lines = Array.from({ length: LINES }, (_, i) => {
    const body = { model: JOB_MODEL, messages: [{ role: 'user', content }] };
    return JSON.stringify({
      ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions', body },
    });
  });
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([lines.join('\n')]), 'lines.jsonl');
  const file = await answerOf<{ id: string }>(`${url}/v1/files`, { method: 'POST', body: form });
  return await answerOf<Batch>(`${url}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '1h' },
    }),
  });
}

async function runningJobs(url: string): Promise<number> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  return (await answerOf<{ running: number }>(`${url}/admin/deferred`, { headers })).running;
}

async function untilEnded(url: string, id: string): Promise<Batch> {
  const deadline = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    const batch = await answerOf<Batch>(`${url}/v1/batches/${id}`);
    if (batch.status === 'completed' || performance.now() > deadline) return batch;
    await sleep(LOOK_MS);
  }
}

/** Each line has one outcome, and that is an answer. */
async function demandOutcomes(stage: Stage, url: string, batch: Batch): Promise<void> {
  const { status, output_file_id: output } = batch;
  stage.demand(status === 'completed', `the batch is ${status}`);
  if (output === null) return;
  const text = await (await fetch(`${url}/v1/files/${output}/content`)).text();
  const ids = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
  const different = new Set(ids).size;
  stage.demand(ids.length === LINES, `${ids.length} of ${LINES} lines have an answer`);
  stage.demand(ids.length === different, `${ids.length - different} lines have more than one`);
}

export const jobFaults: readonly Fault[] = [
  {
    name: 'worker-killed-mid-job',
    does: `kill -9 of a daemon that runs lines of a batch of ${LINES}`,
    expects: {
      holds: 'its jobs run again elsewhere; each line has one outcome',
      errors: GONE,
      recoveryMs: LEASE_MS + REAP_MS + 1500,
    },
    withJobs: true,
    run: async (stage) => {
      const other = stage.daemons.find((daemon) => daemon !== stage.victim)!;
      const { id } = await submit(other.url);
      await stage.until('jobs ran', async () => (await runningJobs(other.url)) >= RUNNING);
      await killAndStartAgain({ victim: stage.victim, pause: (ms) => stage.pause(ms) });
      await demandOutcomes(stage, other.url, await untilEnded(other.url, id));
    },
  },
];
