// How a provenance record is stored: one field `record` of a stream's entry, JSON that begins with the
// number of its form. New facts are appended; an entry that cannot be read is passed over, counted by
// whoever reads. It holds no content of a request.
import type { Redis } from 'ioredis';
import type { EstimateBasis, EstimatorName, Figures, ProvenanceRecord } from '../core/estimates.ts';

const FORM = 1;

type StoredFigures = readonly [
  input: number,
  output: number,
  cached: number,
  costMicro: number | null,
];

type StoredBasis = readonly [
  characters: number,
  attachments: number,
  answers: number,
  outputLimit: number | null,
  countedTokens: number | null,
  outOfScope: readonly string[],
];

type Stored = readonly [
  form: number,
  id: string,
  source: ProvenanceRecord['source'],
  inputHash: string,
  tenant: string,
  route: string,
  pool: string,
  model: string,
  atMs: number,
  versions: ProvenanceRecord['versions'],
  reservedBy: EstimatorName,
  v1: StoredFigures,
  v2: StoredFigures | null,
  actual: StoredFigures | null,
  basis: StoredBasis | null,
];

export function encodeRecord(record: ProvenanceRecord): string {
  const { id, source, inputHash, tenant, route, pool, model, atMs, versions } = record;
  const { reservedBy, v1, v2, actual, basis } = record;
  const stored: Stored = [
    ...([FORM, id, source, inputHash, tenant, route, pool, model, atMs] as const),
    ...([versions, reservedBy, storedFigures(v1)] as const),
    v2 === undefined ? null : storedFigures(v2),
    actual === undefined ? null : storedFigures(actual),
    basis === undefined ? null : storedBasis(basis),
  ];
  return JSON.stringify(stored);
}

/** Undefined for what is no record, or one of another form. */
export function decodeRecord(text: string): ProvenanceRecord | undefined {
  try {
    const stored = JSON.parse(text) as unknown;
    if (!Array.isArray(stored) || stored[0] !== FORM || stored.length < 15) return undefined;
    const [, id, source, inputHash, tenant, route, pool, model, atMs, versions, reservedBy, ...of] =
      stored as unknown as Stored;
    const [v1, v2, actual, basis] = of;
    return {
      id,
      source,
      inputHash,
      tenant,
      route,
      pool,
      model,
      atMs,
      versions,
      reservedBy,
      v1: readFigures(v1),
      v2: v2 === null ? undefined : readFigures(v2),
      actual: actual === null ? undefined : readFigures(actual),
      basis: basis === null ? undefined : readBasis(basis),
    };
  } catch {
    return undefined;
  }
}

function storedFigures(figures: Figures): StoredFigures {
  const { inputTokens, outputTokens, cachedInputTokens, costMicro = null } = figures;
  return [inputTokens, outputTokens, cachedInputTokens, costMicro];
}

function readFigures([inputTokens, outputTokens, cached, costMicro]: StoredFigures): Figures {
  return {
    inputTokens,
    outputTokens,
    cachedInputTokens: cached,
    costMicro: costMicro ?? undefined,
  };
}

function storedBasis(basis: EstimateBasis): StoredBasis {
  const { characters, attachments, answers, outOfScope } = basis;
  const { outputLimit = null, countedTokens = null } = basis;
  return [characters, attachments, answers, outputLimit, countedTokens, outOfScope];
}

function readBasis([characters, attachments, answers, limit, counted, out]: StoredBasis) {
  return {
    characters,
    attachments,
    answers,
    outputLimit: limit ?? undefined,
    countedTokens: counted ?? undefined,
    outOfScope: out,
  };
}

export interface StoredRecord {
  /** Of the stream's entry: "ms-number", the cell time at which it was stored. */
  readonly entry: string;
  /** Undefined where it cannot be read. */
  readonly record: ProvenanceRecord | undefined;
}

export interface ReadOptions {
  /** Stored at this cell time in ms or later. */
  readonly sinceMs?: number;
  readonly newestFirst?: boolean;
  /** Entries that one command brings. */
  readonly page?: number;
}

/** The stream, page by page; ends with what was there when its end was reached. */
export async function* readProvenance(
  source: { readonly redis: Redis; readonly key: string },
  { sinceMs = 0, newestFirst = false, page = 500 }: ReadOptions = {},
): AsyncGenerator<StoredRecord> {
  const { redis, key } = source;
  const first = String(sinceMs);
  let from = newestFirst ? '+' : first;
  for (;;) {
    const entries = newestFirst
      ? await redis.xrevrange(key, from, first, 'COUNT', page)
      : await redis.xrange(key, from, '+', 'COUNT', page);
    for (const [entry, fields] of entries) yield { entry, record: recordOf(fields) };
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < page) return;
    from = `(${last}`;
  }
}

function recordOf(fields: readonly string[]): ProvenanceRecord | undefined {
  const at = fields.indexOf('record');
  return at < 0 ? undefined : decodeRecord(fields[at + 1] ?? '');
}
