// The numbers that scripts and daemons exchange or store, each in one place. In Lua the same names
// are written `TAG.granted` and so on; the assembly (script.ts) puts the numbers in.

export const CODES = {
  /** Of what a cell keeps: the number of steps in scheduler/layout.ts. */
  LAYOUT: { version: 1 },
  /** Kinds of operations. */
  KIND: {
    acquire: 1,
    renew: 2,
    register: 3,
    release: 4,
    cancel: 5,
    check: 6,
    reap: 7,
    move: 8,
    reset: 9,
  },
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
    queued: 15,
    moved: 16,
    reset: 17,
  },
  /** Why an acquire was denied. */
  REASON: {
    pool_full: 1,
    no_account_for_model: 2,
    cancelled: 3,
    recovering: 4,
    queue_full: 5,
    queue_timeout: 6,
    tenant_concurrency: 7,
    tenant_rate: 8,
    account_rate: 9,
    budget_stop: 10,
    breaker_open: 11,
    lane_busy: 16,
  },
  /** What was wrong with an operation. */
  MISTAKE: {
    unknown_operation: 1,
    invalid_id: 2,
    duplicate_request: 3,
    unknown_demand: 4,
    invalid_lease: 5,
    out_of_memory: 6,
  },
  /** Beside the reported ones: what the heart and operators say themselves. */
  OUTCOME: {
    success: 1,
    rate_limited: 2,
    overloaded: 3,
    failed: 4,
    unusable: 5,
    ignored: 6,
    reaped: 7,
    operator: 8,
    configuration: 9,
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
    exclude: 6,
    tokens: 7,
    patience: 7,
    retry_after: 8,
    wait_ms: 8,
    arrived_at: 5,
    reserve: 9,
    since: 9,
    fields: 9,
  },
  LEASE: {
    raw: 1,
    flags: 2,
    model: 3,
    fence: 4,
    account: 5,
    period: 6,
    tenant_period: 7,
    charged: 8,
    pool: 9,
    granted_at: 10,
    reserve: 11,
    tokens: 12,
    state: 13,
    tenant: 14,
    session: 15,
  },
  TENANT: {
    name: 1,
    epoch: 2,
    changed: 3,
    weight: 4,
    slots: 5,
    interval: 6,
    burst: 7,
    token_interval: 8,
    token_burst: 9,
    stop: 10,
    warn: 11,
    period: 12,
    reserved: 13,
    waits: 14,
    in_flight: 15,
    requests_at: 16,
    tokens_at: 17,
    blocked: 18,
    per_minute: 19,
    tokens_per_minute: 20,
  },
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
    slots: 12,
    rates: 13,
    rest: 14,
    breaker: 15,
    health: 16,
    blocked: 17,
    home: 18,
    packed: 19,
  },
  /**
   * Bytes of a lease's record before its texts, the time of its grant and its attempt; a period that
   * is none, and a hold that its flow was not charged.
   */
  PACKED: {
    fixed: 55,
    granted_at: 28,
    attempt: 53,
    no_period: 4_294_967_295,
    uncharged: 4_294_967_295,
  },
  /** Flags of an acquire and of its lease: nobody but its daemon knows the id. */
  ACQUIRE: { fresh: 1, bound: 2, session: 4, lane: 8, priority: 16 },
  /** Detail of a grant: the number of its target, and how it came to its session's account. */
  GRANT: { sticky: 32 },
  /** What a session is asked for; a binding in use is written anew so often in its life. */
  SESSION: { sticky: 1, lane: 2, writes: 16 },
  /**
   * Waiters of one lane that are passed over in a row; how often a lane that must wait is looked at;
   * in place of the number of a model and of a demand, where there is none.
   */
  LANES: { skip: 64, pause_ms: 1000, model: 65_535, demand: 65_535 },
  /** How an account came to serve a session. */
  STICKY: { hit: 1, spilled: 2, rebound: 3, bound: 4 },
  /** Flags of a release beside its outcome: what it tells of the use. */
  RELEASE: { outcomes: 16, cost: 16, tokens: 32, breaker: 64, model: 128 },
  /**
   * State of a request's record. `moving`: it waits for another account, and has none; `moved`: it
   * has one that its holder has not claimed.
   */
  STATE: { leased: 1, granted: 2, moving: 3, moved: 4 },
  /**
   * A lease without an account, which waits for another one: the flag that tells of its past, what
   * its record says in place of an account and of a model; lines of such waiters that there may be
   * at once, their rank among the heads of demands, and the numbers that a priority may have.
   */
  MOVES: { flag: 4, nowhere: "'-'", no_model: 65_535, lines: 64, rank: 48.5, priorities: 16 },
  /** State of a parked acquire, and what bounds its waiting. */
  WAITING: {
    queued: 1,
    parked: 2,
    granted: 3,
    preferring: 4,
    laned: 5,
    moving: 6,
    claim_ms: 2000,
    unpark: 64,
    step_ms: 1000,
  },
  /** How a request that holds nothing any more ended; kept as text in `finished`. */
  END: { released: "'1'", reaped: "'2'", cancelled: "'3'", refused: "'4'" },
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
  /** Between `aside` and `mixed`: the class of a tier for accounts that may not serve all of their models. */
  CLASS: { mixed: 32_768, aside: 16_384 },
  /**
   * States of a breaker, and what else the history tells of an account; sizes of records in bytes;
   * changes that are remembered; accounts that a refusal looks at.
   */
  BREAKER: {
    closed: 1,
    open: 2,
    half_open: 3,
    disabled: 4,
    enabled: 5,
    terms: 36,
    head: 35,
    entry: 64,
    no_class: 65_535,
    no_model: -1,
    history: 1000,
    looks: 32,
  },
  EXPIRY: { entries: 4, ids: 64 },
  /** Sizes of records in bytes. */
  TENANTS: { terms: 59, state: 21 },
  WAITERS: { fixed: 69, order: 23, arrivals: 1e8 },
  FLOWS: {
    demands: 32,
    pool: 48,
    pool_since: 56,
    flow: 37,
    first_hold: 1,
    hold_memory: 8,
    pool_memory: 32,
    sample: 0.125,
    spread: 0.6180339887,
  },
  LEDGER: {
    policy: "'_policy'",
    policy_size: 17,
    boundaries: "'_starts:'",
    size: 41,
    periods: 8,
    calm: 0.95,
    most: 2 ** 52,
    most_cost: 1e12,
  },
  /** How often a budget starts afresh. */
  PERIOD: { none: 1, day: 2, month: 3 },
  SPEND: { most: 50_000, runs: 100_000, forget: 100 },
  DEMANDS: { most: 4096, next: "'next'" },
  TIMERS: { most: 64 },
  HANDING: { most: 128, demands: 64 },
  REPLIES: { reply: "':reply'", tracks: 64, forget_ms: 60_000, forget_most: 2 },
  /** What scripts keep in memory between calls, at most. */
  MEMORY: { targets: 4096, cells: 256, leases: 16_384 },
  DECIMALS: { most: 9000 },
  /** A reply's words must fit Lua's stack. */
  AUDIT: { words: 4000 },
  /** What a tick tells of the breaker of `v2`: the places of V2_BREAKERS in core/events.ts. */
  ESTIMATES: { closed: 0, open: 1, missing: 2, corrupt: 3 },
  /** Sub-windows of the drift; its buckets, see lua/costsim/histogram.lua. */
  DRIFT: {
    slots: 12,
    least: 0.001,
    growth: 1.05,
    buckets: 284,
    most: 2 ** 32 - 1,
    most_number: 2 ** 53,
  },
  /** How long a change is told by one daemon before another tries; when a warning may come again. */
  COSTSIM: { tell_ms: 10_000, judge_ms: 1000, calm: 0.95, batch_ms: 600_000 },
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
