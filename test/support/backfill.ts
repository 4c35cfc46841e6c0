// Sources of provenance for tests: files of lines whose input hashes and times are known, and the calls
// of backfill and verify on a cell of the test's own, with a clock of the test's.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { backfill, survey, type Bounds, type Run } from '../../src/cli/provenance/backfill.ts';
import type { BadLine } from '../../src/cli/provenance/records.ts';
import { findSource } from '../../src/cli/provenance/source.ts';
import { verify } from '../../src/cli/provenance/verify.ts';
import { BackfillStore } from '../../src/costsim/backfill-store.ts';
import { temporaryDirectory } from './temporary.ts';

/** Cell time of everything here. */
export const NOW_MS = 1_700_000_000_000;
export const ROOMY: Bounds = { maxRecords: 10_000, retentionMs: 1_000_000 };

export function hashOf(name: string | number): string {
  return createHash('sha256').update(String(name)).digest('hex');
}

/** A line that holds a baseline only. */
export function aLine(name: string | number, wish: object = {}): string {
  const v1 = { input_tokens: 10, output_tokens: 20, cost_micro: 30 };
  return JSON.stringify({
    input_hash: hashOf(name),
    model: 'gpt-4',
    time: NOW_MS - 1,
    v1,
    ...wish,
  });
}

export function lines(count: number, wish: object = {}, from = 0): readonly string[] {
  return Array.from({ length: count }, (_, i) => aLine(from + i, wish));
}

export async function aFile(content: readonly string[] | Buffer, name = 'a.jsonl') {
  const path = join(await temporaryDirectory(), name);
  await writeFile(path, Buffer.isBuffer(content) ? content : `${content.join('\n')}\n`);
  return path;
}

export function aStore(redis: Redis, cell: string): BackfillStore {
  const clock = (): number => NOW_MS;
  const models = new Set(['gpt-4']);
  return new BackfillStore({ redis, cell, clock, models, keyStyle: 'plain', windowMs: 12_000 });
}

export interface Wish {
  readonly bounds?: Bounds;
  readonly signal?: AbortSignal;
  readonly onProgress?: Run['onProgress'];
}

const aRun = async (store: BackfillStore, file: string, wish: Wish): Promise<Run> => {
  return { store, source: await findSource({ file }), bounds: ROOMY, ...wish } as Run;
};

/** As the command does it; what is told beforehand, and what was stored. */
export async function bring(store: BackfillStore, file: string, wish: Wish = {}) {
  const run = await aRun(store, file, wish);
  const bad: BadLine[] = [];
  const { store: from, source, bounds } = run;
  const plan = await survey({ store: from, source, bounds }, (one) => bad.push(one));
  return { plan, bad, done: await backfill(run, plan) };
}

export async function compare(store: BackfillStore, file: string, wish: Wish = {}) {
  return await verify(await aRun(store, file, wish), () => undefined);
}
