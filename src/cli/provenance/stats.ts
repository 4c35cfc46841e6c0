// What the store holds of provenance, counted by one walk over it. It changes nothing.
import type { Redis } from 'ioredis';
import type { CostsimConfig } from '../../config/costsim-schema.ts';
import { readDrift, type DriftFigures } from '../../costsim/drift.ts';
import { readProvenance } from '../../costsim/provenance.ts';
import { cellKeys } from '../../redis/keys.ts';
import type { CellSource } from '../store.ts';
import { formatTable } from '../table.ts';

type Counts = Readonly<Record<string, number>>;

export interface ProvenanceStats {
  readonly records: number;
  readonly unreadable: number;
  readonly sources: Counts;
  /** How many have an estimate of each, an actual, and what they can be replayed by. */
  readonly having: Counts;
  readonly reservedBy: Counts;
  readonly models: Counts;
  /** Of the records' own times, in ms; absent without records. */
  readonly earliestMs?: number;
  readonly latestMs?: number;
  /** Of the stream and of the index of its inputs. */
  readonly memoryBytes: number;
  readonly drift: readonly DriftFigures[];
}

export async function statsOf(
  { redis, cell, keyStyle }: CellSource,
  { drift }: CostsimConfig,
): Promise<ProvenanceStats> {
  const keys = cellKeys(cell, keyStyle);
  const [sources, having, reservedBy, models] = [tally(), tally(), tally(), tally()];
  let [records, unreadable, earliestMs, latestMs] = [0, 0, Infinity, -Infinity];
  for await (const { record } of readProvenance({ redis, key: keys.provenance })) {
    records += 1;
    if (record === undefined) unreadable += 1;
    else {
      sources.add(record.source);
      reservedBy.add(record.reservedBy);
      models.add(record.model);
      for (const name of ['v1', 'v2', 'actual', 'basis'] as const) {
        if (record[name] !== undefined) having.add(name);
      }
      earliestMs = Math.min(earliestMs, record.atMs);
      latestMs = Math.max(latestMs, record.atMs);
    }
  }
  const memory = await Promise.all([keys.provenance, keys.provenanceInputs].map(memoryOf(redis)));
  return {
    ...{ records, unreadable, sources: sources.of(), having: having.of() },
    ...{ reservedBy: reservedBy.of(), models: models.of() },
    ...(records > unreadable && { earliestMs, latestMs }),
    memoryBytes: memory.reduce((sum, bytes) => sum + bytes, 0),
    drift: await readDrift({ redis, keys, windowMs: () => drift.windowMs }),
  };
}

function memoryOf(redis: Redis): (key: string) => Promise<number> {
  return async (key) => (await redis.memory('USAGE', key)) ?? 0;
}

function tally() {
  const counts = new Map<string, number>();
  return {
    add: (name: string): unknown => counts.set(name, (counts.get(name) ?? 0) + 1),
    of: (): Counts => Object.fromEntries([...counts].sort(([, one], [, other]) => other - one)),
  };
}

export function describeStats(stats: ProvenanceStats): string {
  const { records, unreadable, earliestMs, latestMs, memoryBytes, drift } = stats;
  const rows = (['sources', 'having', 'reservedBy', 'models'] as const).flatMap((what) =>
    Object.entries(stats[what]).map(([name, count]) => [TITLES[what], name, count] as const),
  );
  const parts = [`${records} records, ${(memoryBytes / 1e6).toFixed(1)} MB`];
  if (unreadable > 0) parts.push(`${unreadable} of them cannot be read`);
  if (earliestMs !== undefined && latestMs !== undefined) {
    parts.push(`from ${timeOf(earliestMs)} to ${timeOf(latestMs)}`);
  }
  if (rows.length > 0) parts.push('', formatTable(['by', '', 'records'], rows));
  if (drift.length > 0) parts.push('', driftTable(drift));
  return parts.join('\n');
}

const TITLES = {
  sources: 'source',
  having: 'having',
  reservedBy: 'reserved by',
  models: 'model',
} as const;

function driftTable(drift: readonly DriftFigures[]): string {
  const rows = drift.map(({ estimator, against, model = '*', samples, p50, p95 }) => {
    return [estimator, against, model, samples, percent(p50), percent(p95)];
  });
  return formatTable(['drift of', 'against', 'model', 'samples', 'p50', 'p95'], rows);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function timeOf(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString();
}
