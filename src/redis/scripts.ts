// Every script of the product: its file, its variants and the names that the daemon gives it.
import { assemble } from './assemble.ts';
import { SCRIPT_HEADERS } from './script-headers.ts';
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

/** Assembles every script and checks its header; throws where Lua and TypeScript disagree. */
export function loadScripts(): Scripts {
  const names = Object.keys(SCRIPT_HEADERS) as (keyof typeof SCRIPT_HEADERS)[];
  const scripts = names.map((name) => {
    const groups = name === 'tick' ? { rules: RULES, terms: TERMS_RULES } : {};
    const script = assemble(`${name}.lua`, groups);
    checkHeader(script, SCRIPT_HEADERS[name]);
    return [name, script] as const;
  });
  return Object.fromEntries(scripts) as Readonly<
    Record<keyof typeof SCRIPT_HEADERS, AssembledScript>
  >;
}
