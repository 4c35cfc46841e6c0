// Writes what the store holds as lines that backfill takes: oldest first, a page at a time, as fast as
// whoever reads them takes them. A reader that leaves early is no error.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../core/errors.ts';
import type { ProvenanceRecord } from '../../core/estimates.ts';
import { fieldsOf } from '../../costsim/line.ts';
import { readProvenance } from '../../costsim/provenance.ts';
import { cellKeys } from '../../redis/keys.ts';
import type { CellSource } from '../store.ts';

export interface Wanted {
  /** Of the records' own times: from this one on, */
  readonly sinceMs?: number;
  /** and before this one. */
  readonly untilMs?: number;
  readonly model?: string;
  readonly limit?: number;
}

export interface Exported {
  written: number;
  unreadable: number;
}

/** A record is stored after its time, but for clocks that differ. */
const CLOCKS_MS = 3_600_000;

/** To a file, or to the standard output. */
export async function exportTo(
  file: string | undefined,
  source: CellSource,
  wanted: Wanted,
): Promise<Exported> {
  const exported = { written: 0, unreadable: 0 };
  const lines = Readable.from(linesOf(source, wanted, exported));
  const into: Writable = file === undefined ? process.stdout : await created(file);
  try {
    await pipeline(lines, into, { end: file !== undefined });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
  return exported;
}

async function created(file: string): Promise<Writable> {
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
    return stream;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new AppError('config_invalid', `${file} cannot be written (${code}).`);
  }
}

async function* linesOf(
  { redis, cell, keyStyle }: CellSource,
  wanted: Wanted,
  exported: Exported,
): AsyncGenerator<string> {
  const { sinceMs = 0, limit = Infinity } = wanted;
  const from = { redis, key: cellKeys(cell, keyStyle).provenance };
  const entries = readProvenance(from, { sinceMs: Math.max(0, sinceMs - CLOCKS_MS) });
  if (limit === 0) return;
  for await (const { record } of entries) {
    const line = record === undefined ? undefined : lineOf(record);
    if (record === undefined || line === undefined) exported.unreadable += 1;
    else if (isWanted(record, wanted)) {
      exported.written += 1;
      yield line;
      if (exported.written >= limit) return;
    }
  }
}

/** Undefined for what only looked like a record. */
function lineOf(record: ProvenanceRecord): string | undefined {
  try {
    return `${JSON.stringify(fieldsOf(record))}\n`;
  } catch {
    return undefined;
  }
}

function isWanted({ atMs, model: of }: ProvenanceRecord, wanted: Wanted): boolean {
  const { sinceMs = 0, untilMs = Infinity, model = of } = wanted;
  return atMs >= sinceMs && atMs < untilMs && of === model;
}
