// What each sign of a failed attempt means, and what a pool may say otherwise: the table of outcomes
// with its defaults, and the options `pools.*.outcomes` and `failover`. Reading signs off answers and
// errors is upstream/'s business, acting on them the gateway's and the heart's.
import { z } from 'zod';
import type { Outcome } from '../core/domain.ts';

/** Signs beside statuses. */
export const ERROR_SIGNS = [
  'insufficient_quota',
  'content_refused',
  'connect_refused',
  'connect_timeout',
  'timeout',
  'reset',
  'protocol',
  'unparsable',
] as const;
export type ErrorSign = (typeof ERROR_SIGNS)[number];

/** What an attempt that did not succeed showed: the status of an answer, or what went wrong. */
export type Sign = ErrorSign | `${number}`;

/** What follows from a sign; three questions with an answer each. */
export interface Columns {
  /** Whether the request is tried elsewhere, as long as its client has heard nothing. */
  readonly failover: boolean;
  /** Whether the request may be kept and tried later. */
  readonly defer: boolean;
  /** Whether it counts against the account. */
  readonly breaker: boolean;
}

export interface OutcomeRow extends Columns {
  readonly outcome: Outcome;
}

const SICK: Columns = { failover: true, defer: true, breaker: true };
const LIMITED: Columns = { failover: true, defer: true, breaker: false };
const BROKEN: Columns = { failover: true, defer: false, breaker: true };
const ELSEWHERE: Columns = { failover: true, defer: false, breaker: false };
const NOTHING: Columns = { failover: false, defer: false, breaker: false };

/** By sign; `4xx` and `5xx` are the statuses that have no row of their own. */
const DEFAULT_ROWS = {
  '4xx': { outcome: 'ignored', ...NOTHING },
  '401': { outcome: 'unusable', ...ELSEWHERE },
  '402': { outcome: 'unusable', ...ELSEWHERE },
  '403': { outcome: 'unusable', ...ELSEWHERE },
  '408': { outcome: 'overloaded', ...SICK },
  '429': { outcome: 'rate_limited', ...LIMITED },
  insufficient_quota: { outcome: 'unusable', ...ELSEWHERE },
  content_refused: { outcome: 'ignored', ...NOTHING },
  '5xx': { outcome: 'failed', ...BROKEN },
  // The server does not know this endpoint: whoever asks for it must not make the account look sick.
  '501': { outcome: 'ignored', ...ELSEWHERE },
  '502': { outcome: 'overloaded', ...SICK },
  '503': { outcome: 'overloaded', ...SICK },
  '504': { outcome: 'overloaded', ...SICK },
  // What Cloudflare says of an origin that it cannot use, and Anthropic's "overloaded".
  '520': { outcome: 'overloaded', ...SICK },
  '521': { outcome: 'overloaded', ...SICK },
  '522': { outcome: 'overloaded', ...SICK },
  '523': { outcome: 'overloaded', ...SICK },
  '524': { outcome: 'overloaded', ...SICK },
  '529': { outcome: 'overloaded', ...SICK },
  connect_refused: { outcome: 'overloaded', ...SICK },
  connect_timeout: { outcome: 'overloaded', ...SICK },
  timeout: { outcome: 'overloaded', ...SICK },
  reset: { outcome: 'overloaded', ...SICK },
  protocol: { outcome: 'failed', ...BROKEN },
  unparsable: { outcome: 'failed', ...BROKEN },
} as const satisfies Record<string, OutcomeRow>;

export type OutcomeTable = ReadonlyMap<string, OutcomeRow>;
export const DEFAULT_OUTCOMES: OutcomeTable = new Map(Object.entries(DEFAULT_ROWS));

/** The row of a sign: its own, else that of its class of statuses. */
export function rowOf(table: OutcomeTable, sign: Sign): OutcomeRow {
  return table.get(sign) ?? table.get(classOf(sign)) ?? DEFAULT_ROWS['5xx'];
}

/** The defaults with what a pool says otherwise, column by column. */
export function resolveOutcomes(given: FileOutcomes = {}): Map<string, OutcomeRow> {
  const table = new Map<string, OutcomeRow>(DEFAULT_OUTCOMES);
  // Classes first: a status without a row of its own takes what its class says now.
  const signs = Object.keys(given).sort((a, b) => Number(isClass(b)) - Number(isClass(a)));
  for (const sign of signs) {
    const { failover, defer, breaker } = given[sign] ?? {};
    const row = rowOf(table, sign as Sign);
    table.set(sign, {
      outcome: row.outcome,
      failover: failover ?? row.failover,
      defer: defer ?? row.defer,
      breaker: breaker ?? row.breaker,
    });
  }
  return table;
}

function classOf(sign: string): string {
  return sign.startsWith('4') ? '4xx' : '5xx';
}

function isClass(sign: string): boolean {
  return sign === '4xx' || sign === '5xx';
}

const STATUS = /^[45]\d\d$/;
const WORDS: ReadonlySet<string> = new Set([...ERROR_SIGNS, '4xx', '5xx']);

const sign = z.string().refine((text) => STATUS.test(text) || WORDS.has(text), {
  message: `use a status from 400 to 599, or one of ${[...WORDS].join(', ')}`,
});

const columns = z.strictObject({
  failover: z.boolean().optional().meta({
    description:
      'By sign (`429`, `5xx`, `timeout`, …; see outcomes.md): whether it is tried elsewhere.',
  }),
  defer: z.boolean().optional().meta({
    description: 'Whether the request may be kept and tried later.',
  }),
  breaker: z.boolean().optional().meta({
    description: 'Whether it counts against the account.',
  }),
});

/** What a pool says of signs; what it leaves out is as in docs/outcomes.md. */
export const outcomesSchema = z.record(sign, columns).optional();

type FileOutcomes = NonNullable<z.infer<typeof outcomesSchema>>;

const maxAttempts = z.coerce.number().int().min(1).max(8);
const totalMs = z.coerce.number().int().min(0).max(3_600_000);

export const failoverSchema = z
  .strictObject({
    maxAttempts: maxAttempts.default(3).meta({
      description: 'Upstream attempts of one request, each on another account; 1: no failover.',
      env: 'SLOTKEEPER_FAILOVER_MAX_ATTEMPTS',
    }),
    totalMs: totalMs.default(60_000).meta({
      description: 'Time in ms after the first attempt’s start in which another one may begin.',
      env: 'SLOTKEEPER_FAILOVER_TOTAL_MS',
    }),
  })
  .prefault({});

/** The same for one route. */
export const routeFailoverSchema = z
  .strictObject({
    maxAttempts: maxAttempts.optional().meta({
      description: '`failover.maxAttempts` for this route.',
    }),
    totalMs: totalMs.optional().meta({ description: '`failover.totalMs` for this route.' }),
  })
  .optional();

/** How far a request may go on trying. */
export interface FailoverLimits {
  readonly maxAttempts: number;
  readonly totalMs: number;
}
