// What has to be true after every step: the reply is the expected one, the store is as the model
// says, the invariants hold, refusals have changed nothing.
import { isDeepStrictEqual } from 'node:util';
import type { CellKeys } from '../../../src/redis/keys.ts';
import { decodeReply } from '../../../src/scheduler/replies.ts';
import type { TickReport } from '../../../src/scheduler/replies.ts';
import type { WordedAnswer } from '../model/answers.ts';
import type { ModelCell } from '../model/cell.ts';
import type { ExpectedReply } from '../model/tick.ts';
import { differences } from './compare.ts';
import type { Coverage } from './coverage.ts';
import { changedKeys, miscounted, overLimit, unwatched } from './invariants.ts';
import { dueEntries } from './store.ts';
import type { StoredCell } from './store.ts';

/** The store before and after a step. */
export interface Step {
  readonly before: StoredCell | undefined;
  readonly after: StoredCell;
}

export function checkStore(model: ModelCell, { before, after }: Step, overage: number): void {
  demand('the store', differences(model, after));
  demand('over the limit', overLimit(before, after, overage));
  demand('counters', miscounted(after));
  demand('the wheel', unwatched(after));
}

/** Whether a batch was refused whole; throws where it has changed anything all the same. */
export function checkRefusals(
  { before, after }: Step,
  { nowMs, answers }: { readonly nowMs: number; readonly answers: readonly WordedAnswer[] },
  keys: CellKeys,
): boolean {
  const hadDue = dueEntries(before, nowMs).length > 0;
  if (before === undefined || hadDue || answers.length === 0) return false;
  if (!answers.every(({ tag }) => WRITES_NOTHING.has(tag))) return false;
  demand('changed by refusals', changedKeys(before, after, keys));
  return true;
}

/** Books what an executed batch has met. */
export function cover(
  { seen }: Coverage,
  report: TickReport,
  answers: readonly WordedAnswer[],
  after: StoredCell,
): void {
  for (const { tag, reason } of answers) seen(reason === undefined ? tag : `${tag} ${reason}`);
  if (report.reaped > 0) seen('slots reaped', report.reaped);
  if (report.overage > 0) seen('overage', report.overage);
  if (report.more) seen('more');
  for (const [name, count] of after.inflight) {
    const account = after.accounts.get(name);
    if (count > (account?.isInUse === true ? account.limit : 0)) seen('draining above a limit');
  }
}

const WRITES_NOTHING = new Set([
  'denied',
  'error',
  'lost',
  'already',
  'unknown',
  'finished',
  'leased',
  'reaped',
]);

export function fencesOf(stored: StoredCell | undefined): ReadonlySet<number> {
  return new Set([...(stored?.leases.values() ?? [])].map(({ fence }) => fence));
}

export function demand(what: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`${what}:\n  ${faults.slice(0, 12).join('\n  ')}`);
}

export function checkReply(
  expected: ExpectedReply,
  raw: unknown,
  answers: readonly WordedAnswer[],
): void {
  const reply = decodeReply(raw);
  if (expected.kind === 'again') {
    if (!isDeepStrictEqual(expected.reply, raw))
      throw new Error('a resent batch got another reply');
    return;
  }
  if (expected.kind !== reply.kind) {
    throw new Error(`the heart replied ${reply.kind}, expected ${expected.kind}`);
  }
  if (expected.kind !== 'ok' || reply.kind !== 'ok') return;
  const { answers: wanted, ...report } = expected.report;
  const faults = wanted.flatMap((answer, i) =>
    isDeepStrictEqual(answer, answers[i])
      ? []
      : [`operation ${i}: expected ${JSON.stringify(answer)}, got ${JSON.stringify(answers[i])}`],
  );
  for (const [name, value] of Object.entries(report)) {
    const actual = reply.report[name as keyof typeof report];
    if (actual !== value) faults.push(`${name}: expected ${String(value)}, got ${String(actual)}`);
  }
  demand('the reply', faults);
}
