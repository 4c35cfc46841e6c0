// What the heart answers, in words: numbers become the names that tests compare. It asks no store.
import { CODES, namesByCode } from '../../src/redis/codes.ts';
import type { CellView } from '../../src/scheduler/registry.ts';
import type { Answer } from '../../src/scheduler/replies.ts';

const TAGS = namesByCode(CODES.TAG);
const REASONS = namesByCode(CODES.REASON);
const STICKY = namesByCode(CODES.STICKY);
const MISTAKES = namesByCode(CODES.MISTAKE);

/** An answer in words; which fields there are depends on the tag. */
export interface Told {
  readonly tag: keyof typeof CODES.TAG;
  readonly account?: string;
  readonly target?: string;
  readonly targetIndex?: number;
  readonly fence?: number;
  readonly expiresAt?: number;
  readonly reason?: keyof typeof CODES.REASON;
  readonly retryAfterMs?: number;
  readonly mistake?: keyof typeof CODES.MISTAKE;
  readonly slots?: number;
  readonly position?: number;
  readonly arrivedAt?: number;
  readonly estimatedWaitMs?: number;
  readonly sticky?: keyof typeof CODES.STICKY;
}

export function inWords(answer: Answer, view: CellView): Told {
  const { tag, detail, model, account, fence, at } = answer;
  const name = TAGS[tag]!;
  switch (name) {
    case 'granted':
    case 'moved':
    case 'replayed': {
      const { registry } = view;
      const found = registry.accounts.find(({ index }) => index === account);
      const where = { account: found?.name ?? '', target: targetOf(model, view) };
      const targetIndex = detail % CODES.GRANT.sticky;
      const sticky = STICKY[Math.floor(detail / CODES.GRANT.sticky)];
      const told = { ...where, targetIndex, fence, expiresAt: at, ...(sticky && { sticky }) };
      return { tag: name, ...told };
    }
    case 'queued':
      return { tag: name, position: account, arrivedAt: fence, estimatedWaitMs: at };
    case 'denied':
      return { tag: name, reason: REASONS[detail]!, retryAfterMs: at };
    case 'renewed':
    case 'leased':
      return { tag: name, fence, expiresAt: at };
    case 'was_granted':
      return { tag: name, fence };
    case 'reaped':
      return { tag: name, slots: at };
    case 'error':
      return { tag: name, mistake: MISTAKES[detail]! };
    default:
      return { tag: name };
  }
}

function targetOf(number: number, view: CellView): string {
  const { pool, model } = view.model(number) ?? { pool: '?', model: '?' };
  return `${pool}:${model}`;
}
