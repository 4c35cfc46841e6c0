// A provenance record as a line of JSON, for people and other tools: what is read from outside is
// checked here, field by field, and what is written is read again. What a line says beyond the
// known fields is passed over and never kept, so that no content of a request gets in.
import { z } from 'zod';
import { DEFAULT_TENANT, MODEL_PATTERN, NAME_PATTERN } from '../core/domain.ts';
import type { EstimateBasis, Figures, ProvenanceRecord } from '../core/estimates.ts';

const MOST_COUNT = Number.MAX_SAFE_INTEGER;
const MOST_NAME = 200;
const MOST_PARTS = 32;
const REASONS = 3;
/** The end of the year 9999. */
const LATEST_MS = 253_402_300_799_999;

const count = z.number().int().min(0).max(MOST_COUNT);
const name = (pattern: RegExp) => z.string().regex(pattern, 'is not a valid name');
const unpriced = count.nullish().transform((cost) => cost ?? undefined);

const figures = z.object({
  input_tokens: count,
  output_tokens: count,
  cached_input_tokens: count.default(0),
  cost_micro: unpriced,
});

const basis = z.object({
  characters: count,
  attachments: count.default(0),
  answers: count.default(1),
  output_limit: unpriced,
  counted_tokens: unpriced,
  out_of_scope: z.array(z.string().max(MOST_NAME)).max(MOST_PARTS).default([]),
});

const NO_TIME = 'is neither an ISO 8601 time with a zone nor a number of ms since 1970';

/** An instant with its zone, or milliseconds since 1970. */
const time = z
  .union([z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)), z.number()], {
    error: NO_TIME,
  })
  .refine((ms) => Number.isInteger(ms) && ms >= 0 && ms <= LATEST_MS, NO_TIME);

const version = z.string().min(1).max(MOST_NAME);

const line = z.object({
  id: z.string().max(MOST_NAME).optional(),
  source: z.enum(['live', 'baseline']).optional(),
  input_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'is not a SHA-256 in hex (64 digits)')
    .toLowerCase(),
  time: time.optional(),
  tenant: name(NAME_PATTERN).default(DEFAULT_TENANT),
  route: name(MODEL_PATTERN).optional(),
  pool: z.union([name(NAME_PATTERN), z.literal('')]).default(''),
  model: name(MODEL_PATTERN),
  versions: z.object({ v1: version.optional(), v2: version.optional() }).default({}),
  reserved_by: z.enum(['v1', 'v2']).default('v1'),
  v1: figures,
  v2: figures.nullish(),
  actual: figures.nullish(),
  basis: basis.nullish(),
});

type Line = z.infer<typeof line>;

export type ReadLine =
  | {
      readonly kind: 'record';
      readonly record: ProvenanceRecord;
      /** Whether the line told its time; else it is that of reading. */
      readonly isTimed: boolean;
    }
  | { readonly kind: 'bad'; readonly reason: string };

/** As a record that is brought in: its id is its input hash, whatever the line says. */
export function readLine(text: string, nowMs: number): ReadLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'bad', reason: 'is not JSON' };
  }
  const result = line.safeParse(value);
  if (!result.success) return { kind: 'bad', reason: reasonOf(result.error) };
  const isTimed = result.data.time !== undefined;
  return { kind: 'record', record: recordOf(result.data, nowMs), isTimed };
}

function reasonOf({ issues }: z.ZodError): string {
  const told = issues.slice(0, REASONS).map(({ path, message }) => {
    return path.length === 0 ? message : `${path.join('.')}: ${message}`;
  });
  const more = issues.length - told.length;
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

// Fields are named one by one: a record made by spreading others costs ten times as much, in
// time and in memory, and there are many.
function recordOf(of: Line, nowMs: number): ProvenanceRecord {
  return {
    id: of.input_hash,
    source: 'baseline',
    inputHash: of.input_hash,
    tenant: of.tenant,
    route: of.route ?? of.model,
    pool: of.pool,
    model: of.model,
    atMs: of.time ?? nowMs,
    versions: versionsOf(of.versions),
    reservedBy: of.reserved_by,
    v1: figuresOf(of.v1),
    v2: of.v2 ? figuresOf(of.v2) : undefined,
    actual: of.actual ? figuresOf(of.actual) : undefined,
    basis: of.basis ? basisOf(of.basis) : undefined,
  };
}

function versionsOf({ v1, v2 }: Line['versions']): ProvenanceRecord['versions'] {
  if (v1 === undefined) return v2 === undefined ? {} : { v2 };
  return v2 === undefined ? { v1 } : { v1, v2 };
}

function figuresOf(of: z.infer<typeof figures>): Figures {
  return {
    inputTokens: of.input_tokens,
    outputTokens: of.output_tokens,
    cachedInputTokens: of.cached_input_tokens,
    costMicro: of.cost_micro,
  };
}

function basisOf(of: z.infer<typeof basis>): EstimateBasis {
  return {
    characters: of.characters,
    attachments: of.attachments,
    answers: of.answers,
    outputLimit: of.output_limit,
    countedTokens: of.counted_tokens,
    outOfScope: of.out_of_scope,
  };
}

/** The fields of a line; `readLine` takes their JSON. Throws for a time that is none. */
export function fieldsOf(record: ProvenanceRecord): Readonly<Record<string, unknown>> {
  const { v2, actual, basis: looked } = record;
  return {
    id: record.id,
    source: record.source,
    input_hash: record.inputHash,
    time: new Date(record.atMs).toISOString(),
    tenant: record.tenant,
    route: record.route,
    pool: record.pool,
    model: record.model,
    versions: record.versions,
    reserved_by: record.reservedBy,
    v1: printed(record.v1),
    v2: v2 && printed(v2),
    actual: actual && printed(actual),
    basis: looked && printedBasis(looked),
  };
}

function printed({ inputTokens, outputTokens, cachedInputTokens, costMicro }: Figures) {
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cached_input_tokens: cachedInputTokens,
    cost_micro: costMicro ?? null,
  };
}

function printedBasis(of: EstimateBasis) {
  return {
    characters: of.characters,
    attachments: of.attachments,
    answers: of.answers,
    output_limit: of.outputLimit ?? null,
    counted_tokens: of.countedTokens ?? null,
    out_of_scope: of.outOfScope,
  };
}

/** Where two records say different things, as paths of a line; how they were kept does not count. */
export function differencesOf(one: ProvenanceRecord, other: ProvenanceRecord): readonly string[] {
  const [mine, theirs] = [leavesOf(fieldsOf(one)), leavesOf(fieldsOf(other))];
  const paths = new Set([...mine.keys(), ...theirs.keys()]);
  return [...paths].filter((path) => {
    return path !== 'id' && path !== 'source' && mine.get(path) !== theirs.get(path);
  });
}

function leavesOf(value: unknown, path = '', found = new Map<string, string>()) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, part] of Object.entries(value)) {
      leavesOf(part, path === '' ? key : `${path}.${key}`, found);
    }
  } else found.set(path, JSON.stringify(value));
  return found;
}
