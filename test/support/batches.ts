// Batches over real queues of deferred work, several daemons over one cell, with a function of the
// test's that runs the lines.
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { lineQueueOf, onLineEnded } from '../../src/batching.ts';
import { Batches } from '../../src/batches/service.ts';
import { batchesSchema, filesSchema } from '../../src/config/batches-schema.ts';
import type { Deferral } from '../../src/deferral/service.ts';
import { aDeferral, type DeferralSetting } from './deferrals.ts';
import type { TestRedis } from './redis.ts';

export interface BatchesSetting extends Pick<DeferralSetting, 'run' | 'clock' | 'config'> {
  readonly cell: string;
  readonly batches?: z.input<typeof batchesSchema>;
}

/** One daemon's part; started, ends with its test. */
export async function someBatches(server: TestRedis, setting: BatchesSetting) {
  const { cell, clock, config } = setting;
  const parts = {
    files: filesSchema.parse({}),
    batches: batchesSchema.parse({ lookMs: 100, ...setting.batches }),
  };
  const joined: { deferral?: Deferral } = {};
  const deferral = (): Deferral => joined.deferral!;
  const batches = new Batches({
    ...{ redis: await server.connect(), cell, keyStyle: 'tagged', clock },
    config: () => parts,
    queue: lineQueueOf(deferral, (job, outcome) => onEnded(job, outcome)),
    maxBodyBytes: () => 100_000,
  });
  const onEnded = onLineEnded(batches, deferral);
  const failures: unknown[] = [];
  batches.events.on('stepFailed', ({ error }) => failures.push(error));
  joined.deferral = await aDeferral(server, {
    ...setting,
    ...(config && { config }),
    onEnded,
  });
  await batches.start();
  onTestFinished(() => batches.stop());
  return { batches, deferral: joined.deferral, failures };
}

export const aLine = (id: string, over: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    custom_id: id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'deep', messages: [{ role: 'user', content: id }] },
    ...over,
  });

export async function uploaded(batches: Batches, lines: readonly string[], tenant = 't1') {
  const writer = await batches.files.upload(tenant);
  await writer.write(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  return await writer.close({ name: 'requests.jsonl', purpose: 'batch' });
}

/** Lines of a result, parsed; none where there is no such file. */
export async function resultOf(batches: Batches, id: string | undefined, tenant = 't1') {
  const file = id === undefined ? undefined : await batches.files.find(tenant, id);
  if (file === undefined) return [];
  const chunks: Buffer[] = [];
  for await (const chunk of batches.files.read(file)) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as ResultLine);
}

export interface ResultLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly body: unknown } | null;
  readonly error: { readonly code: string } | null;
}
