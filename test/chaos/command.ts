// The command line of `npm run chaos`: what was asked for, or what was wrong about it.
import { parseArgs } from 'node:util';
import { freshSeed } from '../../src/sim/random.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/index.ts';

export const USAGE = `npm run chaos [-- OPTIONS]

Breaks three daemons, their Redis, their upstream, their clocks and their network on purpose, one
fault at a time under load, and counts outside of the product what must hold.

  --faults NAME,NAME  which faults; all of them by default
  --requests N        requests of each fault, 200 to 20000 (2000)
  --seed N            repeats the choices of a run: who asks when, who leaves, when the fault fires
  --json FILE         writes all figures there
  --write             writes the table of docs/reliability.md (needs all faults)
  --list              names the faults
  --help              this text

Exit codes: 0 all has held, 1 something has not, 2 wrong usage, 130 broken off.`;

export interface Plan {
  readonly faults: readonly Fault[];
  readonly requests: number;
  readonly seed: number;
  readonly json: string | undefined;
  readonly write: boolean;
}

export type Command =
  | { readonly kind: 'run'; readonly plan: Plan }
  | { readonly kind: 'list' }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string };

const REQUESTS = { least: 200, most: 20_000, usual: 2000 } as const;
const MOST_SEED = 2 ** 31;
const OPTIONS = {
  faults: { type: 'string', default: 'all' },
  requests: { type: 'string' },
  seed: { type: 'string' },
  json: { type: 'string' },
  write: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false, short: 'h' },
} as const;

export function readCommand(args: readonly string[]): Command {
  let values;
  try {
    values = parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    return mistake((error as Error).message);
  }
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const { least, most, usual } = REQUESTS;
  const requests = wholeNumber(values.requests, usual);
  if (!(requests >= least && requests <= most)) {
    return mistake(`--requests takes ${least} to ${most}`);
  }
  const seed = wholeNumber(values.seed, freshSeed());
  if (!(seed >= 0 && seed < MOST_SEED)) return mistake(`--seed takes 0 to ${MOST_SEED - 1}`);
  const names = values.faults === 'all' ? FAULTS.map(({ name }) => name) : values.faults.split(',');
  const unknown = names.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0)
    return mistake(`no fault is called ${unknown.join(', ')}\n\n${listText()}`);
  const faults = FAULTS.filter(({ name }) => names.includes(name));
  if (values.write && faults.length < FAULTS.length) return mistake('--write needs all faults');
  return { kind: 'run', plan: { faults, requests, seed, json: values.json, write: values.write } };
}

export function listText(): string {
  const line = (name: string, does: string): string => `${name.padEnd(26)} ${does}`;
  return [...FAULTS.map(({ name, does }) => line(name, does))].join('\n');
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}

function wholeNumber(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  return /^\d{1,10}$/.test(text) ? Number(text) : NaN;
}
