// The numbers that scripts and daemons exchange or store, each in one place. In Lua the same names
// are written `TAG.granted` and so on; the assembly (script.ts) puts the numbers in.

export const CODES = {
  /** Kinds of operations. */
  KIND: { acquire: 1, renew: 2, register: 3, release: 4, cancel: 5, check: 6, reap: 7 },
  /** First byte of an answer. */
  TAG: {
    granted: 1,
    replayed: 2,
    denied: 3,
    renewed: 4,
    lost: 5,
    released: 6,
    already: 7,
    cancelled: 8,
    was_granted: 9,
    leased: 10,
    finished: 11,
    unknown: 12,
    reaped: 13,
    error: 14,
  },
  /** Why an acquire was denied. */
  REASON: { pool_full: 1, no_account_for_model: 2, cancelled: 3, recovering: 4 },
  /** What was wrong with an operation. */
  MISTAKE: {
    unknown_operation: 1,
    invalid_id: 2,
    duplicate_request: 3,
    unknown_demand: 4,
    invalid_lease: 5,
    out_of_memory: 6,
  },
  OUTCOME: {
    success: 1,
    rate_limited: 2,
    overloaded: 3,
    failed: 4,
    unusable: 5,
    ignored: 6,
  },
  /**
   * Records are Lua arrays, unpacked in one call; these are their positions. They are what makes
   * `lease[LEASE.fence]` cost an array access.
   */
  OP: {
    kind: 1,
    flags: 2,
    outcome: 2,
    demand: 3,
    lease_ms: 4,
    fence: 5,
    claim: 6,
    tokens: 7,
    retry_after: 8,
    reserve: 9,
    fields: 9,
  },
  LEASE: { raw: 1, flags: 2, model: 3, fence: 4, account: 5 },
  ACCOUNT: {
    name: 1,
    raw: 2,
    in_flight: 3,
    ratio: 4,
    touched: 5,
    epoch: 6,
    limit: 7,
    class: 8,
    index: 9,
    step: 10,
    touch: 11,
  },
  /** Flags of an acquire and of its lease: nobody but its daemon knows the id. */
  ACQUIRE: { fresh: 1 },
  /** State of a request's record. */
  STATE: { leased: 1 },
  /** How a request that holds nothing any more ended; kept as text in `finished`. */
  END: { released: "'1'", reaped: "'2'", cancelled: "'3'" },
  OPERATION: { size: 40, id_most: 193 },
  /** Fences are incarnation × per_incarnation + the number of the grant: below 2^53. */
  /** Incarnations begin at the minutes since 2025, so that fences rise even over total loss. */
  FENCE: { per_incarnation: 2 ** 28, first_minute: 28_928_160, per_ms: 4096 },
  /**
   * Score of an account in its class: load ratio × touches + last touch. The ratio reaches
   * `scale`, so scores stay below 2^53; touches last for years at 10,000 grants a second.
   */
  LOAD: { scale: 9000, touches: 1e12, least_heads: 4, mixed_scan: 32 },
  /** Class numbers from here on are scanned instead of read at their head. */
  CLASS: { mixed: 32_768 },
  EXPIRY: { entries: 4, ids: 64 },
  REPLIES: { tracks: 64, forget_ms: 60_000, forget_most: 2 },
  /** What scripts keep in memory between calls, at most. */
  MEMORY: { cells: 256 },
  DECIMALS: { most: 9000 },
  /** A reply's words must fit Lua's stack. */
  AUDIT: { words: 4000 },
  SENTINEL: { name: "'_'" },
} as const satisfies Record<string, Record<string, number | string>>;

/** The daemon's side of a code table: name by number. */
export function namesByCode<T extends Record<string, number>>(
  table: T,
): readonly (keyof T | undefined)[] {
  const names: (keyof T | undefined)[] = [];
  for (const [name, code] of Object.entries(table)) names[code] = name;
  return names;
}
