// Every script of the product: its file, its variants and the names that the daemon gives it.
import { assemble } from './assemble.ts';
import { checkHeader } from './script.ts';
import type { AssembledScript } from './assemble.ts';

/** The rules of the heart, in the order in which they are asked. */
const RULES = ['scheduler/account_slot.lua', 'scheduler/model_count.lua'] as const;

export interface Scripts {
  /** The heart; its entry `tick_oom` runs when Redis is out of memory, and grants nothing. */
  readonly tick: AssembledScript;
  /** Registers accounts, classes and targets. */
  readonly configure: AssembledScript;
  /** Compares counters and index with the leases. */
  readonly audit: AssembledScript;
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
  ],
  keyLists: ['class', 'concurrency'],
  args: ['head', 'daemon', 'server', 'demands', 'holdings', 'operations'],
  argLists: ['id'],
} as const;

const CONFIGURE = {
  keys: [...TICK.keys, 'registry'],
  keyLists: ['class', 'concurrency', 'retired'],
  args: ['head', 'server', 'name', 'registry', 'accounts', 'targets'],
  argLists: [],
} as const;

const AUDIT = {
  keys: ['cell', 'requests', 'expiries', 'accounts', 'inflight', 'set_aside'],
  keyLists: ['class', 'concurrency'],
  args: ['head'],
  argLists: [],
} as const;

/** Assembles every script and checks its header; throws where Lua and TypeScript disagree. */
export function loadScripts(): Scripts {
  const scripts = {
    tick: assemble('tick.lua', RULES),
    configure: assemble('configure.lua'),
    audit: assemble('audit.lua'),
  };
  checkHeader(scripts.tick, TICK);
  checkHeader(scripts.configure, CONFIGURE);
  checkHeader(scripts.audit, AUDIT);
  return scripts;
}
