// Every script of the product: its file, its variants and the names that the daemon gives it.
import { assemble } from './assemble.ts';
import { checkHeader } from './script.ts';
import type { AssembledScript } from './assemble.ts';

/** Rules that every request is under, in the order in which they are asked. */
const RULES = [
  'scheduler/account_slot.lua',
  'scheduler/model_count.lua',
  'scheduler/account_rates.lua',
  'breaker/breaker.lua',
] as const;

/** Rules that bind where somebody has terms, money is budgeted, or others wait. */
const TERMS_RULES = [
  'tenants/tenant_slots.lua',
  'tenants/tenant_rates.lua',
  'budget/budget.lua',
  'waiting/fair_share.lua',
] as const;

export interface Scripts {
  /** The heart; its entry `tick_oom` runs when Redis is out of memory, and grants nothing. */
  readonly tick: AssembledScript;
  /** Registers accounts, classes and targets. */
  readonly configure: AssembledScript;
  /** Compares counters and index with the leases. */
  readonly audit: AssembledScript;
  /** Registers one tenant's terms. */
  readonly terms: AssembledScript;
  /** Remembers the provider of each run. */
  readonly runs: AssembledScript;
  /** Changes tenants and keys that were created through the admin API. */
  readonly directory: AssembledScript;
  /** Moves the means of how accounts answer. */
  readonly speeds: AssembledScript;
  /** Provenance, drift and the breaker of `v2`. */
  readonly costsim: AssembledScript;
  /** Brings records into provenance that no daemon has seen. */
  readonly backfill: AssembledScript;
  /** Decides who leads. */
  readonly leader: AssembledScript;
  /** Moves the learned lengths of answers, and tells which have changed. */
  readonly lengths: AssembledScript;
  /** Runs of the cost canary: asked for, begun by the leader, reported. */
  readonly canary: AssembledScript;
  /** The register of alerts. */
  readonly alerts: AssembledScript;
  /** Where each deferred job is, and whose turn it is. */
  readonly deferral: AssembledScript;
  /** Files of tenants, in chunks. */
  readonly files: AssembledScript;
  /** Messages of sessions: their buffers and cells. */
  readonly journal: AssembledScript;
  /** Hands out the sessions whose cut is due. */
  readonly journal_due: AssembledScript;
  /** Batches and the outcomes of their lines. */
  readonly batches: AssembledScript;
}

const TICK = {
  keys: [
    'cell',
    'requests',
    'finished',
    'finished_before',
    'expiries',
    'accounts',
    'inflight',
    'targets',
    'daemons',
    'replies',
    'set_aside',
    'waiters',
    'line',
    'timers',
    'demands',
    'flows',
    'tenants',
    'tenant_state',
    'account_state',
    'health',
    'breaker_history',
    'ledger',
    'spend',
    'run_spend',
    'spend_runs',
    'sessions',
    'sessions_before',
    'lanes',
  ],
  keyLists: ['class', 'concurrency'],
  args: [
    'head',
    'daemon',
    'server',
    'demands',
    'holdings',
    'spends',
    'excludes',
    'sessions',
    'operations',
  ],
  argLists: ['id'],
} as const;

const CONFIGURE = {
  keys: [...TICK.keys, 'registry'],
  keyLists: ['class', 'concurrency', 'retired'],
  args: ['head', 'server', 'name', 'registry', 'accounts', 'targets', 'tenants', 'budget'],
  argLists: [],
} as const;

const AUDIT = {
  keys: [
    'cell',
    'requests',
    'expiries',
    'accounts',
    'inflight',
    'set_aside',
    'waiters',
    'line',
    'flows',
    'tenants',
    'tenant_state',
    'account_state',
    'health',
    'ledger',
    'lanes',
  ],
  keyLists: ['class', 'concurrency'],
  args: ['head'],
  argLists: [],
} as const;

const TERMS = {
  keys: ['cell', 'tenants', 'requests', 'tenant_state', 'timers'],
  keyLists: [],
  args: ['name', 'terms', 'version'],
  argLists: [],
} as const;

const RUNS = {
  keys: ['runs', 'runs_used'],
  keyLists: [],
  args: ['head', 'digest', 'provider'],
  argLists: [],
} as const;

const DIRECTORY = {
  keys: ['directory'],
  keyLists: [],
  args: ['head', 'field', 'seen', 'value', 'version'],
  argLists: [],
} as const;

const SPEEDS = {
  keys: ['speeds'],
  keyLists: [],
  args: ['head', 'samples'],
  argLists: [],
} as const;

const COSTSIM = {
  keys: ['cell', 'costsim', 'costsim_log', 'provenance', 'provenance_inputs', 'costsim_batch'],
  keyLists: ['drift'],
  args: ['head', 'batch', 'by', 'why', 'drifts'],
  argLists: ['record'],
} as const;

const BACKFILL = {
  keys: ['cell', 'provenance', 'provenance_inputs'],
  keyLists: ['drift'],
  args: ['head'],
  argLists: ['item'],
} as const;

const LEADER = {
  keys: ['leader'],
  keyLists: [],
  args: ['head', 'holder'],
  argLists: [],
} as const;

const LENGTHS = {
  keys: ['lengths', 'lengths_used'],
  keyLists: [],
  args: ['head', 'samples'],
  argLists: [],
} as const;

const CANARY = {
  keys: ['leader', 'canary', 'canary_reports'],
  keyLists: [],
  args: ['head', 'holder', 'term', 'run', 'by', 'verdict', 'report'],
  argLists: [],
} as const;

const ALERTS = {
  keys: ['alerts'],
  keyLists: [],
  args: ['head', 'verb', 'fingerprint', 'alert'],
  argLists: [],
} as const;

const DEFERRAL = {
  keys: [
    'deferred',
    'deferral_outcomes',
    'deferral_keys',
    'deferral_index',
    'deferral_expiries',
    'deferral_out',
    'deferral_dead',
    'deferral_ended',
    'deferral_workers',
    'deferral_turns',
  ],
  keyLists: ['due', 'ready', 'wait', 'delayed', 'marker'],
  args: ['head', 'stages', 'numbers'],
  argLists: ['text'],
} as const;

const FILES = {
  keys: ['file', 'files', 'files_used', 'files_due'],
  keyLists: [],
  args: ['head', 'id', 'tenant', 'name', 'purpose', 'chunk'],
  argLists: [],
} as const;

const JOURNAL = {
  keys: [
    'journal_sessions',
    'journal_due',
    'journal_head',
    'journal_ids',
    'journal_buffer',
    'journal_cells',
    'journal_celled',
  ],
  keyLists: [],
  args: ['head', 'name', 'why'],
  argLists: ['word'],
} as const;

const JOURNAL_DUE = {
  keys: ['journal_sessions', 'journal_due'],
  keyLists: [],
  args: ['head'],
  argLists: [],
} as const;

const BATCHES = {
  keys: ['batch', 'batch_lines', 'batches', 'batches_open', 'batches_due', 'file'],
  keyLists: [],
  args: ['head', 'id', 'tenant', 'words', 'more'],
  argLists: ['item'],
} as const;

/** Assembles every script and checks its header; throws where Lua and TypeScript disagree. */
export function loadScripts(): Scripts {
  const scripts = {
    tick: assemble('tick.lua', { rules: RULES, terms: TERMS_RULES }),
    configure: assemble('configure.lua'),
    audit: assemble('audit.lua'),
    terms: assemble('terms.lua'),
    runs: assemble('runs.lua'),
    directory: assemble('directory.lua'),
    speeds: assemble('speeds.lua'),
    costsim: assemble('costsim.lua'),
    backfill: assemble('backfill.lua'),
    leader: assemble('leader.lua'),
    lengths: assemble('lengths.lua'),
    canary: assemble('canary.lua'),
    alerts: assemble('alerts.lua'),
    deferral: assemble('deferral.lua'),
    files: assemble('files.lua'),
    journal: assemble('journal.lua'),
    journal_due: assemble('journal_due.lua'),
    batches: assemble('batches.lua'),
  };
  checkHeader(scripts.tick, TICK);
  checkHeader(scripts.configure, CONFIGURE);
  checkHeader(scripts.audit, AUDIT);
  checkHeader(scripts.terms, TERMS);
  checkHeader(scripts.runs, RUNS);
  checkHeader(scripts.directory, DIRECTORY);
  checkHeader(scripts.speeds, SPEEDS);
  checkHeader(scripts.costsim, COSTSIM);
  checkHeader(scripts.backfill, BACKFILL);
  checkHeader(scripts.leader, LEADER);
  checkHeader(scripts.lengths, LENGTHS);
  checkHeader(scripts.canary, CANARY);
  checkHeader(scripts.alerts, ALERTS);
  checkHeader(scripts.deferral, DEFERRAL);
  checkHeader(scripts.files, FILES);
  checkHeader(scripts.journal, JOURNAL);
  checkHeader(scripts.journal_due, JOURNAL_DUE);
  checkHeader(scripts.batches, BATCHES);
  return scripts;
}
