// The words of the product as types: what a caller asks for, what it gets, how work ends.
// No I/O, no clock. Numeric wire codes of the same words live in redis/codec.ts.

/** One place that can serve a request: a pool and the model's name at that upstream. */
export interface Target {
  readonly pool: string;
  readonly model: string;
}

/** How an attempt ended, as its holder reports it when it gives the slot back. */
export const OUTCOMES = [
  'success',
  'rate_limited',
  'overloaded',
  'failed',
  'unusable',
  'ignored',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
/** What an outcome says to leave alone for a while: the whole account, or one model of it. */
export type OutcomeScope = 'account' | 'model';

/** Why an acquire was refused. A refusal changes nothing in the store. */
export const DENIAL_REASONS = [
  'pool_full',
  'no_account_for_model',
  'cancelled',
  'recovering',
  'queue_full',
  'queue_timeout',
  'tenant_concurrency',
  'tenant_rate',
  'account_rate',
  'budget_stop',
  'breaker_open',
  'lane_busy',
] as const;
export type DenialReason = (typeof DENIAL_REASONS)[number];

/** The right to one slot, as the store recorded it. Times are cell time (Redis TIME), in ms. */
export interface Grant {
  readonly account: string;
  readonly target: Target;
  /** Index into the request's targets; > 0 means that earlier targets had nothing free. */
  readonly targetIndex: number;
  /** Rises with every grant of the cell: a resource can refuse a holder with a smaller one. */
  readonly fence: number;
  readonly expiresAtMs: number;
  /** True when an earlier acquire with the same id had already been granted this lease. */
  readonly replayed: boolean;
  /** Undefined for a request without a session. */
  readonly sticky: StickyResult | undefined;
}

/**
 * How an account came to serve a session: it did before; another did before and still may; another
 * did before and cannot any more; the session is new.
 */
export type StickyResult = 'hit' | 'spilled' | 'rebound' | 'bound';

export type ReleaseResult = 'released' | 'already';
export type CancelResult = 'cancelled' | 'was_granted' | 'already';

/** What became of an id. */
export type RequestState = 'leased' | 'finished' | 'unknown';

export const MAX_ID_LENGTH = 128;
/** Printable ASCII without space, so that an id is safe in logs, URLs' tails and list formats. */
const ID_PATTERN = /^[\x21-\x7e]{1,128}$/;

/** Whether `id` may name a request: 1 to 128 printable ASCII characters, no spaces. */
export function isRequestId(id: unknown): id is string {
  return typeof id === 'string' && ID_PATTERN.test(id);
}

/** Names of pools, accounts, tenants and cells: bounded, and safe in keys and metric labels. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A server by its host (a name, an IPv4 address, an IPv6 address in brackets) and its port. */
export const NODE_PATTERN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):\d{1,5}$/;

/** Models of the field carry slashes, colons and spaces rarely; control characters never. */
export const MODEL_PATTERN = /^[\x21-\x7e]{1,200}$/;

/** Whoever presents no tenant's key is this one. */
export const DEFAULT_TENANT = 'default';
