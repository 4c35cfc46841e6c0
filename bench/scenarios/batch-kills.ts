// 10,000 lines of a batch while daemons are killed five times: lines that have none or more than one
// outcome in its files.
import { setTimeout as delay } from 'node:timers/promises';
import type OpenAI from 'openai';
import { beginBatch, outcomesOf, startBatchFleet } from '../contenders/batch-fleet.ts';
import type { Scenario } from '../harness/scenario.ts';

const LINES = 10_000;
const QUICK_LINES = 1000;
const KILLS = 5;
const POLL_MS = 200;
const PATIENCE_MS = 900_000;

export const batchKills: Scenario = {
  name: 'batch-kills',
  describe: `a batch of ${LINES} lines by OpenAI's client, two daemons, ${KILLS} times kill -9`,
  bars: [{ name: 'batch-lines-lost', op: '<=', target: 0, unit: 'lines' }],
  run: async (bench) => {
    const lines = bench.quick ? QUICK_LINES : LINES;
    const fleet = await startBatchFleet(bench);
    const [first, second] = fleet.clients;
    if (first === undefined || second === undefined) throw new Error('no daemons');
    const startedMs = performance.now();
    const id = await beginBatch(first, lines);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const asked = kill % 2 === 0 ? second : first;
      await untilEnded(asked, id, Math.floor((lines * (kill + 0.5)) / (KILLS + 1)));
      bench.progress(`batch-kills: kill ${kill + 1} of ${KILLS}`);
      await fleet.replace(kill % 2);
    }
    await untilEnded(first, id, lines);
    const seconds = (performance.now() - startedMs) / 1000;
    const counts = await outcomesOf(first, id);
    const once = Array.from({ length: lines }, (_, i) => counts.get(`line-${i}`) === 1);
    const lost = once.filter((isOnce) => !isOnce).length + (counts.size > lines ? 1 : 0);
    return {
      kind: 'measured',
      rounds: new Map([['two daemons', [{ lines_per_second: lines / seconds }]]]),
      readings: { 'batch-lines-lost': lost },
      notes: [`${lines} lines in ${seconds.toFixed(0)} s, the ${KILLS} restarts included`],
    };
  },
};

/** Until so many lines have an outcome; where that is all of them, until its files are written. */
async function untilEnded(client: OpenAI, id: string, lines: number): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { status, request_counts: counts } = await client.batches.retrieve(id);
    const { total = 0, completed = 0, failed = 0 } = counts ?? {};
    const isAll = total > 0 && lines >= total;
    if (isAll ? status === 'completed' : completed + failed >= lines && total > 0) return;
    if (performance.now() > deadlineMs) throw new Error(`the batch is ${status} after its time`);
    await delay(POLL_MS);
  }
}
