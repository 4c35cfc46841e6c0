// Whether what must hold has held: from the clients' ledger, the upstream's marks and the store's
// remains to figures, and from those to a verdict. Pure; it asks nobody.
import type { StoredMoney } from './audit.ts';
import { runIdOf, type EndedRequest } from './client.ts';
import { COST_MICRO } from './configuration.ts';
import type { Expectation } from './fault.ts';
import { isLate, laneOverlaps, outageMs, recoveryMs, stickyPercent } from './ledger.ts';
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
  /** Requests of which the store may not know, or not any more; undefined: it knows of all. */
  readonly forgotten: number | undefined;
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
  /** Requests with more than one. */
  readonly twiceEnded: number;
  /** Tried at more than one account, by their answers; and more often than they may be. */
  readonly failedOver: number;
  readonly overtried: number;
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
  /** Without a new grant, at most; declared where the fault says so. */
  readonly outageSeconds: number;
  /** Requests that ran beside another one of their lane. */
  readonly laneOverlaps: number;
  /** Of the requests of known sessions, how many met the account of the one before. */
  readonly stickyPercent: number | null;
  readonly faultSeconds: number;
  /** Declared: windows of excess, and outages. */
  readonly windowSeconds: number;
}

export interface Verdict extends Figures {
  /** What should not be; empty where all has held. */
  readonly violations: readonly string[];
}

/** `failover.maxAttempts`. */
const MOST_ATTEMPTS = 3;

export function judge(evidence: Evidence, expects: Expectation): Verdict {
  const figures = figuresOf(evidence, expects);
  return { ...figures, violations: violationsOf(figures, evidence, expects) };
}

function figuresOf(evidence: Evidence, expects: Expectation): Figures {
  const { ended, overselling, money, faultBeganAt, faultEndedAt } = evidence;
  const judged = ended.filter((one) => !expects.isVictimLate || !isVictims(one, evidence));
  const recovery = recoveryMs(ended, faultEndedAt);
  const { oversold, overage, windowMs } = overselling;
  const outage = outageMs(ended, faultBeganAt);
  const declaredMs = windowMs + (expects.outageAfterMs === undefined ? 0 : outage);
  return {
    ...outcomesOf(evidence),
    oversold,
    overage,
    doubleSettled: doubleSettled(ended, money),
    unsettled: expects.losesLedger === true ? 0 : unsettled(ended, money),
    late: judged.filter(isLate).length,
    failedOver: ended.filter(({ attempts = 1 }) => attempts > 1).length,
    overtried: ended.filter(({ attempts = 1 }) => attempts > MOST_ATTEMPTS).length,
    laneOverlaps: laneOverlaps(ended),
    stickyPercent: stickyPercent(ended),
    outageSeconds: outage / 1000,
    errors: errorsOf(ended),
    recoverySeconds: recovery === undefined ? null : recovery / 1000,
    faultSeconds: (faultEndedAt - faultBeganAt) / 1000,
    windowSeconds: declaredMs / 1000,
  };
}

/** One request, one outcome. */
function outcomesOf({ ended, sent }: Evidence) {
  const count = (kind: string): number => ended.filter((one) => one.outcome.kind === kind).length;
  const different = new Set(ended.map(({ planned }) => planned.index)).size;
  return {
    requests: sent,
    served: count('served'),
    left: count('left'),
    lost: sent - different + count('hung'),
    twiceEnded: ended.length - different,
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

function violationsOf(figures: Figures, evidence: Evidence, expects: Expectation): string[] {
  const { unreached } = evidence.overselling;
  return [
    ...wrongs(figures, evidence),
    ...slowness(figures, expects),
    ...unreached.map((name) => `${name} never had all of its slots in use: the run proves nothing`),
    ...strangeErrors(evidence, expects),
    ...evidence.remains,
  ];
}

type Finding = readonly [isSo: boolean, what: string];

const said = (findings: readonly Finding[]): string[] =>
  findings.filter(([isSo]) => isSo).map(([, what]) => what);

/** What must not be, however slow the machine is. */
function wrongs(figures: Figures, { forgotten, overselling }: Evidence): string[] {
  const { lost, twiceEnded, oversold, overage, doubleSettled: twice, overtried } = figures;
  const { unsettled: unpaid, laneOverlaps: beside } = figures;
  const bound = forgotten ?? 0;
  const isDeclared = overselling.windowMs > 0;
  return said([
    [lost > 0, `${lost} requests were lost`],
    [twiceEnded > 0, `${twiceEnded} requests had more than one outcome`],
    [oversold > 0, `${oversold} requests beyond a limit outside of declared windows`],
    [
      forgotten !== undefined && overage > bound,
      `${overage} requests beyond a limit, but only ${bound} could be forgotten`,
    ],
    [twice > 0, `${twice} requests were settled twice`],
    [unpaid > bound, `${unpaid} served requests were never settled`],
    [overtried > 0, `${overtried} requests were tried more than ${MOST_ATTEMPTS} times`],
    [beside > 0 && !isDeclared, `${beside} requests ran beside another one of their lane`],
  ]);
}

function slowness(figures: Figures, { recoveryMs: mostMs, outageAfterMs }: Expectation): string[] {
  const { late, recoverySeconds, outageSeconds, faultSeconds } = figures;
  const most = mostMs / 1000;
  const longest = faultSeconds + (outageAfterMs ?? Infinity) / 1000;
  return said([
    [late > 0, `${late} requests heard nothing by their deadline`],
    [recoverySeconds === null, 'service did not come back'],
    [recoverySeconds !== null && recoverySeconds > most, `recovery took longer than ${most} s`],
    [
      outageSeconds > longest,
      `nothing was granted for ${outageSeconds.toFixed(1)} s, more than the ${longest.toFixed(1)} s that are declared`,
    ],
  ]);
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
