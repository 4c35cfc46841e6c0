// How the simulated upstream behaves: every knob with its type, bounds and default, and the three
// ways in which a single request may turn them (model suffix, headers, a directive in its text).
// Defaults of the product itself are in config/schema.ts; these are the simulator's alone.
import { z } from 'zod';
import { integerBetween, type Random } from './random.ts';

export interface Range {
  readonly min: number;
  readonly max: number;
}

const MAX_DELAY_MS = 3_600_000;

/** `200`, `"200"`, `"50..200"` or `{min: 50, max: 200}`. */
const rangeMs = z
  .union([
    z.number(),
    z.string().regex(/^\d+(\.\.\d+)?$/, 'use 200 or 50..200'),
    z.strictObject({ min: z.number(), max: z.number() }),
  ])
  .transform((value): Range => {
    if (typeof value === 'object') return value;
    const [min = 0, max = min] = String(value).split('..').map(Number);
    return { min, max };
  })
  .refine(({ min, max }) => min >= 0 && min <= max && max <= MAX_DELAY_MS, {
    message: 'must go upwards, from 0 to 3600000',
  });

const rate = z.coerce.number().min(0).max(1);
const errorStatus = z.coerce.number().int().min(400).max(599);

/**
 * reset: the socket is reset before any byte. cut: it closes in mid-body. hang: never an answer.
 * stall: the answer stops half-way, the socket stays. endless: the answer never ends.
 */
export const FAULTS = ['reset', 'cut', 'hang', 'stall', 'endless'] as const;
export type Fault = (typeof FAULTS)[number];

/** What may be changed, and its bounds; null turns a knob off. */
export const behaviourPatch = z
  .strictObject({
    /** Before the first byte of the answer. */
    latencyMs: rangeMs,
    /** Between two chunks of a stream. */
    chunkDelayMs: rangeMs,
    /** Length of a generated answer; a request's own maximum cuts it. */
    tokens: z.coerce.number().int().min(1).max(100_000),
    /** `natural`: by model, request and chance instead of `tokens`. */
    lengths: z.enum(['fixed', 'natural']),
    /** `bytes`: four a token, cheap. `tokens`: by a real tokenizer, repeated prefixes cached. */
    bill: z.enum(['bytes', 'tokens']),
    /** Multiplies the usage that it reports. */
    billFactor: z.coerce.number().min(0.01).max(100),
    /** A fixed answer; `echo` repeats the last message. */
    reply: z.string().max(100_000).nullable(),
    /** The model that answers name instead of the one that was asked for. */
    reportedModel: z.string().max(200).nullable(),
    /** Answer every request with this error. */
    status: errorStatus.nullable(),
    fault: z.enum(FAULTS).nullable(),
    /** Shares of the requests, drawn with the seed. */
    errorRate: rate,
    resetRate: rate,
    cutRate: rate,
    hangRate: rate,
    /** Which errors `errorRate` draws from. */
    errorStatuses: z
      .preprocess(
        (value) => (typeof value === 'string' ? value.split(',') : value),
        z.array(errorStatus).min(1),
      )
      .readonly(),
    /** Told with every 429, 503 and 529. */
    retryAfterMs: z.coerce.number().int().min(0).max(MAX_DELAY_MS),
    /** As OpenAI does (only with stream_options.include_usage), or in every stream. */
    streamUsage: z.enum(['requested', 'always']),
  })
  .partial();

/** As a caller writes it: ranges may be numbers or text. */
export type BehaviourInput = z.input<typeof behaviourPatch>;
/** Checked. */
export type BehaviourPatch = z.output<typeof behaviourPatch>;
export type Behaviour = Readonly<
  Required<{ [K in keyof BehaviourPatch]: Exclude<BehaviourPatch[K], undefined> }>
>;

export const DEFAULT_BEHAVIOUR: Behaviour = {
  latencyMs: { min: 0, max: 0 },
  chunkDelayMs: { min: 0, max: 0 },
  tokens: 16,
  lengths: 'fixed',
  bill: 'bytes',
  billFactor: 1,
  reply: null,
  reportedModel: null,
  status: null,
  fault: null,
  errorRate: 0,
  resetRate: 0,
  cutRate: 0,
  hangRate: 0,
  errorStatuses: [500],
  retryAfterMs: 1000,
  streamUsage: 'requested',
};

/** `base` with the knobs that `patch` turns. */
export function patched(base: Behaviour, patch: BehaviourPatch): Behaviour {
  const turned = Object.entries(patch).filter(([, value]) => value !== undefined);
  return turned.length === 0 ? base : { ...base, ...Object.fromEntries(turned) };
}

/** What becomes of one request. */
export type Fate =
  | { readonly kind: 'answer' }
  | { readonly kind: 'error'; readonly status: number }
  | { readonly kind: Fault };

/** Always one draw, so that the sequence does not depend on what was drawn before. */
export function drawFate(behaviour: Behaviour, random: Random): Fate {
  const draw = random();
  if (behaviour.status !== null) return { kind: 'error', status: behaviour.status };
  if (behaviour.fault !== null) return { kind: behaviour.fault };
  let bound = behaviour.errorRate;
  if (draw < bound) return { kind: 'error', status: pickStatus(behaviour, draw / bound) };
  for (const kind of ['reset', 'cut', 'hang'] as const) {
    bound += behaviour[`${kind}Rate`];
    if (draw < bound) return { kind };
  }
  return { kind: 'answer' };
}

function pickStatus({ errorStatuses }: Behaviour, share: number): number {
  return errorStatuses[Math.floor(share * errorStatuses.length)] ?? 500;
}

/** A duration within `range`; a fixed one draws nothing. */
export function drawMs(range: Range, random: Random): number {
  return range.min === range.max ? range.min : integerBetween(random, range.min, range.max);
}

/** The words of suffixes, headers and directives. */
const WORDS: Readonly<Record<string, keyof Behaviour>> = {
  latency: 'latencyMs',
  chunk: 'chunkDelayMs',
  tokens: 'tokens',
  lengths: 'lengths',
  'bill-factor': 'billFactor',
  reply: 'reply',
  model: 'reportedModel',
  status: 'status',
  fault: 'fault',
  'retry-after': 'retryAfterMs',
  usage: 'streamUsage',
};

const HEADER_PREFIX = 'x-sim-';
const DIRECTIVE = /\[sim ([^\]]{1,500})\]/;
const SUFFIX = '@sim:';

export interface Hints {
  /** `gpt-4@sim:latency=200,status=500` */
  readonly model: string;
  /** `x-sim-latency: 200` */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `[sim latency=200 status=500]` anywhere in the last message. */
  readonly text: string;
}

/**
 * What one request asks for itself: the directive wins over headers, headers over the suffix.
 * Unknown words and values out of bounds are ignored as a whole: a simulator that answered 400 to
 * a chat about "[sim ...]" would be a stranger bug than the typo.
 */
export function requestPatch({ model, headers, text }: Hints): BehaviourPatch {
  const words: Record<string, string> = {};
  const at = model.indexOf(SUFFIX);
  if (at >= 0) readWords(words, model.slice(at + SUFFIX.length));
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(HEADER_PREFIX) && typeof value === 'string') {
      readWord(words, name.slice(HEADER_PREFIX.length), value);
    }
  }
  const directive = text.includes('[sim ') ? DIRECTIVE.exec(text)?.[1] : undefined;
  if (directive !== undefined) readWords(words, directive);
  return behaviourPatch.safeParse(words).data ?? {};
}

function readWords(into: Record<string, string>, text: string): void {
  for (const word of text.split(/[\s,]+/)) {
    const at = word.indexOf('=');
    if (at > 0) readWord(into, word.slice(0, at), word.slice(at + 1));
  }
}

function readWord(into: Record<string, string>, word: string, value: string): void {
  const field = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (field !== undefined) into[field] = value;
}

/** The model without its suffix. */
export function plainModel(model: string): string {
  const at = model.indexOf(SUFFIX);
  return at < 0 ? model : model.slice(0, at);
}
