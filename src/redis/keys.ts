// Every key that the product keeps in Redis: its builder, type, members and expiry.
// All keys of a cell share the hash tag {cell}. None that the heart uses expires by itself: it removes what
// has ended, and every structure of a script keeps a sentinel member `_`, so that it always exists (Redis Cluster
// refuses a script with a missing key while its slot moves).
import type { Target } from '../core/domain.ts';

/** Which Redis the keys live in: plain counter names are for a single server. */
export type KeyStyle = 'plain' | 'tagged';

export interface CellKeys {
  /** HASH: generation, incarnation, sequence, now and the heart's other few numbers. */
  readonly cell: string;
  /** HASH "tenant/id" → lease record (records.ts). Live leases only. */
  readonly requests: string;
  /** HASH "tenant/id" → how it ended. Rotated into `finishedBefore` by age or number. */
  readonly finished: string;
  readonly finishedBefore: string;
  /** ZSET "name, then ids, by line" → cell time in ms at which to look at them. */
  readonly expiries: string;
  /** HASH account → account record (records.ts). */
  readonly accounts: string;
  /** HASH account → leases in flight, as plain numbers: made to be read by people. */
  readonly inflight: string;
  /** HASH "pool TAB model" → target record (records.ts). */
  readonly targets: string;
  /** ZSET daemon → cell time in ms of its last tick. */
  readonly daemons: string;
  /** HASH "daemon:track" → number of the daemon's last batch there, with ":reply" → its reply. */
  readonly replies: string;
  /** HASH "tenant/id" → a record that could not be decoded. */
  readonly setAside: string;
  /** HASH "tenant/id" → a parked acquire (lua/waiting/waiters.lua). */
  readonly waiters: string;
  /** ZSET of one score, in the order of its members: lines, ready flows, parked waiters. */
  readonly line: string;
  /** ZSET kind and name → cell time in ms at which something changes by itself. */
  readonly timers: string;
  /** HASH demand (targets) → its number while somebody waits for it, and back. */
  readonly demands: string;
  /** HASH pool, and "pool TAB tenant" → virtual times of fair queueing (lua/waiting/flows.lua). */
  readonly flows: string;
  /** HASH tenant → its terms (lua/tenants/tenants.lua). */
  readonly tenants: string;
  /** HASH tenant → what its gates count. */
  readonly tenantState: string;
  /** HASH account → its rates and until when it rests. */
  readonly accountState: string;
  /** HASH account → what is wrong with it (lua/breaker/conditions.lua). */
  readonly health: string;
  /** LIST of the last changes of accounts' health, latest first; bounded. */
  readonly breakerHistory: string;
  /** HASH "scope TAB period" → settled, reserved and more; the policy (lua/budget/ledger.lua). */
  readonly ledger: string;
  /** HASH "period TAB tenant TAB route TAB model" → micro-units spent. */
  readonly spend: string;
  /** HASH "tenant TAB run" → micro-units spent; forgotten in the order of `spendRuns`. */
  readonly runSpend: string;
  /** ZSET "tenant TAB run" → cell time in ms of its last use. */
  readonly spendRuns: string;
  /** HASH "tenant/digest" → the account of a session. Rotated into `sessionsBefore` by age or number. */
  readonly sessions: string;
  readonly sessionsBefore: string;
  /** HASH "tenant/digest" → "tenant/id" of the request that owns the session's lane. */
  readonly lanes: string;
  /** STRING: the registered configuration as JSON (registry.ts). */
  readonly registry: string;
  /** Channel on which a daemon hears what became of its waiters. */
  channel(daemon: string): string;
  /** HASH digest of tenant and run → the provider that serves the run. */
  readonly runs: string;
  /** ZSET the same digest → ms of its last use, rounded; the longest unused are forgotten. */
  readonly runsUsed: string;
  /** HASH "tenant:" name → a tenant and its keys' digests (tenants/entry.ts); version → a word. */
  readonly directory: string;
  /** HASH "policy:" name → what operators switched at run time (rollout/policies.ts); version → a word. */
  readonly policies: string;
  /** HASH account → how fast it answers, how often it fails (lua/speeds.lua). */
  readonly speeds: string;
  /** HASH: who leads, its term and until when (lua/leader.lua). */
  readonly leader: string;
  /** HASH "tenant TAB route TAB model" → how long answers are (lua/lengths.lua); `_` → number of the last change. */
  readonly lengths: string;
  /** ZSET the same name → number of its last change; the longest unused are forgotten. */
  readonly lengthsUsed: string;
  /** HASH: asked, running, done, untold and last runs of the canary (lua/canary.lua). */
  readonly canary: string;
  /** STREAM, id "run-0": a report each, as JSON in the field `report`; bounded by age and number. */
  readonly canaryReports: string;
  /** HASH fingerprint → an alert that fires or did (alerts/register.ts); `_` → the last episode's number. */
  readonly alerts: string;
  /** ZSET "tenant/digest" → cell time of a journal's last write. */
  readonly journalSessions: string;
  /** ZSET the same → cell time at which a cut is to be tried (lua/journal/state.lua). */
  readonly journalDue: string;
  /** What of a journal is its session's own; all of them expire together. `session` is "tenant/digest". */
  journal(session: string): JournalKeys;
  /** What BullMQ's keys of a queue begin with (redis/queue-connection.ts). */
  readonly queue: string;
  /** HASH: whose file it is, and what; number → a chunk of it (lua/files.lua). Made with the file, gone with it. */
  file(id: string): string;
  /** ZSET of one score, "tenant TAB ms TAB id": files by their tenant and age. */
  readonly files: string;
  /** HASH tenant → bytes of its files; "tenant TAB n" → their number. */
  readonly filesUsed: string;
  /** ZSET id → ms at which a file goes. */
  readonly filesDue: string;
  /** HASH: state, counts and times of a batch (lua/batches.lua). Made with it, gone with it. */
  batch(id: string): string;
  /** HASH number of a line → what became of it; until the batch's files are written. */
  batchLines(id: string): string;
  /** ZSET of one score, "tenant TAB ms TAB id": batches by their tenant and age. */
  readonly batches: string;
  /** HASH tenant → its batches that have not ended. */
  readonly batchesOpen: string;
  /** ZSET id → ms at which a daemon looks at a batch. */
  readonly batchesDue: string;
  /** HASH "arm TAB what" → what the arms of a rollout came to; expires a month after its last use. */
  rollout(name: string): string;
  /** HASH: state of the breaker of `v2` (lua/costsim/stored.lua). The bit of it is in `cell`. */
  readonly costsim: string;
  /** LIST of its changes and incidents as JSON, latest first; bounded. */
  readonly costsimLog: string;
  /** STREAM of provenance records (costsim/provenance.ts); bounded by number and age. */
  readonly provenance: string;
  /** ZSET input hash → place in that stream, of records that were brought in; trimmed with it. */
  readonly provenanceInputs: string;
  /** STRING: the last batch that a daemon's recorder told; expires ten minutes after it. */
  costsimBatch(daemon: string): string;
  /** HASH "estimator TAB against TAB model" → histogram; the n-th sub-window of the drift. */
  drift(number: number): string;
  /** ZSET account → load, for the n-th class of the registry. */
  class(number: number): string;
  /** STRING: in-flight requests of a (pool, model); what `redis-cli GET` reads. */
  concurrency(target: Target): string;
}

/** Of one session's journal (lua/journal.lua). */
export interface JournalKeys {
  /** HASH: its few numbers. */
  readonly head: string;
  /** HASH message id → number. */
  readonly ids: string;
  /** STREAM "number-0" → id, message. */
  readonly buffer: string;
  /** HASH number of a cell → what is said of it. */
  readonly cells: string;
  /** STREAM "cell-place" → id, message. */
  readonly celled: string;
}

/** The cell whose counters may have plain names. */
const PLAIN_CELL = 'main';

export function cellKeys(cell: string, style: KeyStyle = 'plain'): CellKeys {
  const prefix = `slotkeeper:{${cell}}:`;
  const counters = style === 'plain' && cell === PLAIN_CELL ? '' : `{${cell}}:`;
  return {
    cell: `${prefix}cell`,
    requests: `${prefix}requests`,
    finished: `${prefix}finished`,
    finishedBefore: `${prefix}finished-before`,
    expiries: `${prefix}expiries`,
    accounts: `${prefix}accounts`,
    inflight: `${prefix}inflight`,
    targets: `${prefix}targets`,
    daemons: `${prefix}daemons`,
    replies: `${prefix}replies`,
    setAside: `${prefix}set-aside`,
    waiters: `${prefix}waiters`,
    line: `${prefix}line`,
    timers: `${prefix}timers`,
    demands: `${prefix}demands`,
    flows: `${prefix}flows`,
    tenants: `${prefix}tenants`,
    tenantState: `${prefix}tenant-state`,
    accountState: `${prefix}account-state`,
    health: `${prefix}health`,
    breakerHistory: `${prefix}breaker-history`,
    ledger: `${prefix}ledger`,
    spend: `${prefix}spend`,
    runSpend: `${prefix}run-spend`,
    spendRuns: `${prefix}spend-runs`,
    sessions: `${prefix}sessions`,
    sessionsBefore: `${prefix}sessions-before`,
    lanes: `${prefix}lanes`,
    registry: `${prefix}registry`,
    channel: (daemon) => `${prefix}daemon:${daemon}`,
    runs: `${prefix}runs`,
    runsUsed: `${prefix}runs-used`,
    directory: `${prefix}directory`,
    policies: `${prefix}policies`,
    speeds: `${prefix}speeds`,
    leader: `${prefix}leader`,
    lengths: `${prefix}lengths`,
    lengthsUsed: `${prefix}lengths-used`,
    canary: `${prefix}canary`,
    canaryReports: `${prefix}canary-reports`,
    alerts: `${prefix}alerts`,
    ...journalKeys(prefix),
    queue: `${prefix}queue`,
    ...batchKeys(prefix),
    rollout: (name) => `${prefix}rollout:${name}`,
    costsim: `${prefix}costsim`,
    costsimLog: `${prefix}costsim-log`,
    provenance: `${prefix}provenance`,
    provenanceInputs: `${prefix}provenance-inputs`,
    costsimBatch: (daemon) => `${prefix}costsim-batch:${daemon}`,
    drift: (number) => `${prefix}drift:${number}`,
    class: (number) => `${prefix}class:${number}`,
    concurrency: ({ pool, model }) => `concurrency:${counters}${pool}:${model}`,
  };
}

function batchKeys(prefix: string) {
  return {
    file: (id: string) => `${prefix}file:${id}`,
    files: `${prefix}files`,
    filesUsed: `${prefix}files-used`,
    filesDue: `${prefix}files-due`,
    batch: (id: string) => `${prefix}batch:${id}`,
    batchLines: (id: string) => `${prefix}batch-lines:${id}`,
    batches: `${prefix}batches`,
    batchesOpen: `${prefix}batches-open`,
    batchesDue: `${prefix}batches-due`,
  };
}

function journalKeys(prefix: string) {
  return {
    journalSessions: `${prefix}journal-sessions`,
    journalDue: `${prefix}journal-due`,
    journal: (session: string) => sessionKeys(`${prefix}journal:${session}:`),
  };
}

function sessionKeys(prefix: string): JournalKeys {
  return {
    head: `${prefix}head`,
    ids: `${prefix}ids`,
    buffer: `${prefix}buffer`,
    cells: `${prefix}cells`,
    celled: `${prefix}celled`,
  };
}
