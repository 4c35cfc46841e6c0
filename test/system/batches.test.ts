// @module-tag redis_required
// Batches by OpenAI's own client, unchanged: upload, create, poll, download; while daemons are killed.
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { aBatchFleet, begunBatch, downloaded } from '../support/batch-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { startLive } from '../support/live-daemon.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
/** 10,000 with five kills are measured by `npm run bench`. */
const LINES = Number(process.env['BATCH_LINES'] ?? 1000);
const KILLS = Number(process.env['BATCH_KILLS'] ?? 3);

async function aDaemon() {
  const daemon = await startLive(store, {
    first: (file) => {
      file['deferral'] = { enabled: true, retryAfterMs: 100 };
      file['batches'] = { lookMs: 100 };
    },
  });
  const client = new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  return { daemon, client };
}

const inState = (client: OpenAI, id: string, status: string) =>
  eventually(
    async () => {
      const batch = await client.batches.retrieve(id);
      expect(batch.status).toBe(status);
      return batch;
    },
    { timeoutMs: 60_000 },
  );

describe('a batch, by OpenAI’s client,', () => {
  it('is created, polled and listed; its answers are those of the upstream', async () => {
    const { client, daemon } = await aDaemon();

    const begun = await begunBatch(client, 50);
    const done = await inState(client, begun.id, 'completed');
    const lines = await downloaded(client, done.output_file_id);
    const listed = await client.batches.list();

    expect(begun).toMatchObject({ object: 'batch', status: 'validating', errors: null });
    expect(begun.expires_at! - begun.created_at).toBe(86_400);
    expect(done).toMatchObject({
      request_counts: { total: 50, completed: 50, failed: 0 },
      error_file_id: null,
      completion_window: '24h',
    });
    expect(lines[7]).toMatchObject({
      custom_id: 'line-7',
      error: null,
      response: { status_code: 200, body: { object: 'chat.completion' } },
    });
    expect(lines).toHaveLength(50);
    expect(listed.data.map(({ id }) => id)).toEqual([begun.id]);
    expect(daemon.sim.snapshot()).toMatchObject({ oversold: 0 });
    expect(await daemon.inFlightOf('a1')).toBe(0);
  });

  it('tells which lines are wrong, and what was asked for wrongly', async () => {
    const { client } = await aDaemon();
    const file = new File(['{"custom_id":"a"}\n{\n'], 'requests.jsonl');
    const input = await client.files.create({ file, purpose: 'batch' });
    const ask = { input_file_id: input.id, endpoint: '/v1/chat/completions' } as const;

    const begun = await client.batches.create({ ...ask, completion_window: '24h' });
    const failed = await inState(client, begun.id, 'failed');

    expect(failed.errors?.data).toMatchObject([
      { code: 'missing_required_parameter', line: 1, param: 'method' },
      { code: 'invalid_json_line', line: 2 },
    ]);
    const wrong = async (over: object) =>
      await client.batches
        .create({ ...ask, completion_window: '24h', ...over })
        .catch((error: unknown) => (error as { param?: string }).param);
    expect(await wrong({ endpoint: '/v1/files' })).toBe('endpoint');
    expect(await wrong({ completion_window: 'soon' })).toBe('completion_window');
    expect(await wrong({ input_file_id: 'file-none' })).toBe('input_file_id');
    expect(await wrong({ other: 1 })).toBeDefined();
    await expect(client.batches.retrieve('batch_none')).rejects.toMatchObject({ status: 404 });
  });

  it('is cancelled, and says so of each line that did not run', async () => {
    const { client, daemon } = await aDaemon();
    daemon.sim.configure({ behaviour: { latencyMs: 500 } });
    const begun = await begunBatch(client, 300);
    await eventually(async () => {
      expect((await client.batches.retrieve(begun.id)).request_counts?.completed).toBeGreaterThan(
        0,
      );
    });

    const cancelling = await client.batches.cancel(begun.id);
    const done = await inState(client, begun.id, 'cancelled');

    expect(cancelling.status).toBe('cancelling');
    const answers = await downloaded(client, done.output_file_id);
    const others = await downloaded(client, done.error_file_id);
    expect(answers.length + others.length).toBe(300);
    expect(others[0]?.error).toMatchObject({ code: 'batch_cancelled' });
  });
});

describe('kill -9 of daemons', () => {
  it('in the middle of a batch leaves one outcome of each line', { timeout: 600_000 }, async () => {
    const fleet = await aBatchFleet(store.url, store.cell(), 2);
    const { id } = await begunBatch(fleet.client(0), LINES);

    for (let kill = 0; kill < KILLS; kill += 1) {
      const survivor = fleet.client((kill + 1) % 2);
      await eventually(
        async () => {
          const { request_counts: counts } = await survivor.batches.retrieve(id);
          const ended = (counts?.completed ?? 0) + (counts?.failed ?? 0);
          expect(ended).toBeGreaterThan((LINES * (kill + 0.5)) / (KILLS + 1));
        },
        { timeoutMs: 120_000 },
      );
      await fleet.replace(kill % 2);
    }
    const client = fleet.client(0);
    const done = await eventually(
      async () => {
        const batch = await client.batches.retrieve(id);
        expect(batch.status).toBe('completed');
        return batch;
      },
      { timeoutMs: 300_000 },
    );

    const lines = [
      ...(await downloaded(client, done.output_file_id)),
      ...(await downloaded(client, done.error_file_id)),
    ];
    const wanted = Array.from({ length: LINES }, (_, i) => `line-${i}`);
    expect(lines.map((line) => line.custom_id).sort()).toEqual(wanted.sort());
    expect(done.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
  });
});
