// Whether what must hold has held: from the clients' ledger, the upstream's marks and the store's
// remains to figures, and from those to a verdict. Pure; it asks nobody.
import type { StoredMoney } from './audit.ts';
import { runIdOf, type EndedRequest } from './client.ts';
import { COST_MICRO, SILENCE_MS, WAIT_MS } from './configuration.ts';
import type { Expectation } from './fault.ts';
import type { Overselling } from './oracle.ts';

/** What is known when a fault is over and nothing runs any more. */
export interface Evidence {
  readonly sent: number;
  readonly ended: readonly EndedRequest[];
  readonly victim: number;
  /** performance.now() */
  readonly faultBeganAt: number;
  readonly faultEndedAt: number;
  readonly overselling: Overselling;
  readonly money: StoredMoney;
  /** What the store still holds, and what faults have complained of. */
  readonly remains: readonly string[];
}

export interface Figures {
  readonly requests: number;
  readonly served: number;
  /** Clients that left as planned. */
  readonly left: number;
  /** Requests without an outcome. */
  readonly lost: number;
  readonly oversold: number;
  readonly overage: number;
  readonly doubleSettled: number;
  /** Served, and never paid for. */
  readonly unsettled: number;
  /** Answered or refused after their deadline. */
  readonly late: number;
  /** How many callers saw which error. */
  readonly errors: Readonly<Record<string, number>>;
  /** Until 99 % of the requests that begin then are served; null: never. */
  readonly recoverySeconds: number | null;
  readonly faultSeconds: number;
  readonly windowSeconds: number;
}

export interface Verdict extends Figures {
  /** What should not be; empty where all has held. */
  readonly violations: readonly string[];
}

/** What two busy cores may add to a deadline. */
const TOLERANCE_MS = 1500;
const GOOD_SHARE = 0.99;
/** Fewer say nothing about a share of 99 %. */
const FEWEST = 50;

export function judge(evidence: Evidence, expects: Expectation): Verdict {
  const figures = figuresOf(evidence, expects);
  return { ...figures, violations: violationsOf(figures, evidence, expects) };
}

function figuresOf(evidence: Evidence, expects: Expectation): Figures {
  const { ended, sent, overselling, money, faultBeganAt, faultEndedAt } = evidence;
  const count = (kind: string): number => ended.filter((one) => one.outcome.kind === kind).length;
  const judged = ended.filter((one) => !expects.isVictimLate || !isVictims(one, evidence));
  const recovery = recoveryMs(ended, faultEndedAt);
  const { oversold, overage, windowMs } = overselling;
  return {
    requests: sent,
    served: count('served'),
    left: count('left'),
    lost: sent - ended.length + count('hung'),
    oversold,
    overage,
    doubleSettled: doubleSettled(ended, money),
    unsettled: expects.losesLedger === true ? 0 : unsettled(ended, money),
    late: judged.filter(isLate).length,
    errors: errorsOf(ended),
    recoverySeconds: recovery === undefined ? null : recovery / 1000,
    faultSeconds: (faultEndedAt - faultBeganAt) / 1000,
    windowSeconds: windowMs / 1000,
  };
}

function isVictims({ planned }: EndedRequest, { victim }: Evidence): boolean {
  return planned.daemon === victim;
}

export function errorsOf(ended: readonly EndedRequest[]): Readonly<Record<string, number>> {
  const errors: Record<string, number> = {};
  for (const { outcome } of ended) {
    if (outcome.kind === 'error') errors[outcome.word] = (errors[outcome.word] ?? 0) + 1;
  }
  return errors;
}

/** A request may wait, and then its upstream may be silent for a while, before it hears anything. */
function isLate({ outcome, planned, startedAt, headAt, endedAt }: EndedRequest): boolean {
  if (outcome.kind === 'left' || outcome.kind === 'hung') return false;
  const isQueueRefusal = outcome.kind === 'error' && outcome.word.includes('queue_timeout');
  const upstreamMs = isQueueRefusal ? 0 : planned.latencyMs + SILENCE_MS;
  return (headAt ?? endedAt) - startedAt > WAIT_MS + upstreamMs + TOLERANCE_MS;
}

/**
 * More than once its price; or more in all than by runs, beyond what may have been presumed: of each
 * request that is not booked itself, and that may have held a slot when its daemon died.
 */
export function doubleSettled(ended: readonly EndedRequest[], money: StoredMoney): number {
  const paid = [...money.byRun.values()];
  const excess = paid.reduce((sum, micro) => sum + Math.max(0, micro - COST_MICRO), 0);
  const unbooked = money.settledMicro - paid.reduce((sum, micro) => sum + micro, 0);
  const unpaid = ended.filter((one) => paidFor(one, money) === 0 && mayHaveHeld(one)).length;
  const presumedTwice = Math.max(0, unbooked - unpaid * COST_MICRO);
  return Math.ceil((excess + presumedTwice) / COST_MICRO);
}

/**
 * By the ledger's total: what was presumed of a request stays so in the spend by run, also when its
 * holder has told its cost after all.
 */
function unsettled(ended: readonly EndedRequest[], money: StoredMoney): number {
  const served = ended.filter(({ outcome }) => outcome.kind === 'served');
  const others = ended.filter(({ outcome }) => outcome.kind !== 'served');
  const paidByOthers = others.reduce((sum, one) => sum + paidFor(one, money), 0);
  const missing = served.length * COST_MICRO - (money.settledMicro - paidByOthers);
  return Math.max(0, Math.ceil(missing / COST_MICRO));
}

function paidFor({ planned }: EndedRequest, { byRun }: StoredMoney): number {
  return byRun.get(runIdOf(planned)) ?? 0;
}

/** Whether its lease may have been left to expire: not where its daemon itself refused it. */
function mayHaveHeld({ outcome }: EndedRequest): boolean {
  return outcome.kind !== 'error' || !/^(429|connection refused)/.test(outcome.word);
}

/** Of those that began after the fault, from when on 99 % were served. */
export function recoveryMs(
  ended: readonly EndedRequest[],
  faultEndedAt: number,
): number | undefined {
  const after = ended
    .filter(({ startedAt, outcome }) => startedAt >= faultEndedAt && outcome.kind !== 'left')
    .sort((a, b) => a.startedAt - b.startedAt);
  let recovered: number | undefined;
  let served = 0;
  for (let i = after.length - 1; i >= 0; i -= 1) {
    const { outcome, startedAt } = after[i]!;
    if (outcome.kind === 'served') served += 1;
    const seen = after.length - i;
    if (seen < FEWEST || served < GOOD_SHARE * seen) continue;
    recovered = i === 0 ? 0 : startedAt - faultEndedAt;
  }
  return recovered;
}

function violationsOf(figures: Figures, evidence: Evidence, expects: Expectation): string[] {
  const { lost, oversold, doubleSettled: twice, unsettled: unpaid, late } = figures;
  const { recoverySeconds } = figures;
  const most = expects.recoveryMs / 1000;
  const wrongs: (readonly [boolean, string])[] = [
    [lost > 0, `${lost} requests were lost`],
    [oversold > 0, `${oversold} requests beyond a limit outside of declared windows`],
    [twice > 0, `${twice} requests were settled twice`],
    [unpaid > 0, `${unpaid} served requests were never settled`],
    [late > 0, `${late} requests heard nothing by their deadline`],
    [recoverySeconds === null, 'service did not come back'],
    [recoverySeconds !== null && recoverySeconds > most, `recovery took longer than ${most} s`],
    ...evidence.overselling.unreached.map(
      (name) =>
        [true, `${name} never had all of its slots in use: the run proves nothing`] as const,
    ),
  ];
  const said = wrongs.filter(([isSo]) => isSo).map(([, what]) => what);
  return [...said, ...strangeErrors(evidence, expects), ...evidence.remains];
}

/** Errors that nobody should have seen: of another kind, of others' callers, or before the fault. */
function strangeErrors(evidence: Evidence, expects: Expectation): string[] {
  const { ended, faultBeganAt } = evidence;
  const { errors, elsewhere = [], hurtsAll = false } = expects;
  const isHurt = (one: EndedRequest): boolean => hurtsAll || isVictims(one, evidence);
  const since = ended.filter(({ endedAt }) => endedAt >= faultBeganAt);
  const before = ended.filter(({ endedAt }) => endedAt < faultBeganAt);
  const groups = [
    { of: before, where: 'before the fault', known: [] },
    { of: since.filter(isHurt), where: 'unexpectedly', known: errors },
    {
      of: since.filter((one) => !isHurt(one)),
      where: 'at a daemon that was not hurt',
      known: elsewhere,
    },
  ];
  return groups.flatMap(({ of, where, known }) =>
    Object.entries(errorsOf(of))
      .filter(([word]) => !known.some((one) => fits(word, one)))
      .map(([word, times]) => `callers saw ${times} × ${word} ${where}`),
  );
}

function fits(word: string, pattern: string): boolean {
  return pattern.endsWith('*') ? word.startsWith(pattern.slice(0, -1)) : word === pattern;
}
