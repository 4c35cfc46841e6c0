// Answers of the heart in words, so that a difference can be read.
import type { Target } from '../../../src/core/domain.ts';
import { CODES, namesByCode } from '../../../src/redis/codes.ts';
import { decodeAnswer } from '../../../src/scheduler/replies.ts';

export type TagName = keyof typeof CODES.TAG;

/** What does not belong to an answer is absent. */
export interface WordedAnswer {
  readonly tag: TagName;
  readonly reason?: string;
  readonly targetNumber?: number;
  readonly account?: string;
  readonly target?: string;
  readonly fence?: number;
  readonly at?: number;
}

export interface Names {
  account(index: number): string;
  target(number: number): string;
}

const TAGS = namesByCode(CODES.TAG);
const REASONS = namesByCode(CODES.REASON);
const MISTAKES = namesByCode(CODES.MISTAKE);
const WITH_TARGET: readonly TagName[] = ['granted', 'moved', 'replayed', 'leased'];

export function textOf({ pool, model }: Target): string {
  return `${pool}/${model}`;
}

function reasonOf(tag: TagName, detail: number): string | undefined {
  if (tag === 'denied') return REASONS[detail] ?? `reason ${detail}`;
  if (tag === 'error') return MISTAKES[detail] ?? `mistake ${detail}`;
  return undefined;
}

/** One answer, with every field that is not 0. */
export function wordAnswer(raw: Buffer, number: number, names: Names): WordedAnswer {
  const { tag: code, detail, model, account, fence, at } = decodeAnswer(raw, number);
  const tag = TAGS[code] ?? 'error';
  const reason = reasonOf(tag, detail);
  const registered = tag === 'renewed' && account > 0;
  const hasTarget = WITH_TARGET.includes(tag) || registered;
  return {
    tag,
    ...(reason === undefined ? {} : { reason }),
    ...(tag === 'granted' || tag === 'moved' ? { targetNumber: detail } : {}),
    ...(account > 0 ? { account: names.account(account) } : {}),
    ...(hasTarget ? { target: names.target(model) } : {}),
    ...(fence > 0 ? { fence } : {}),
    ...(at > 0 ? { at } : {}),
  };
}
