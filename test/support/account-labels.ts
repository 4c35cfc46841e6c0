// Answers name their account by an opaque label; tests that know the accounts read it back.
import { labelOf } from '../../src/config/resolve.ts';

const POOLS = ['openai', 'other'];
const ACCOUNTS = ['a1', 'a2', 'a3'];
const NAMES = new Map(POOLS.flatMap((pool) => ACCOUNTS.map((name) => [labelOf(pool, name), name])));

/** The name of the account that has answered; null where none has, or a stranger. */
export function accountOf({ headers }: Pick<Response, 'headers'>): string | null {
  return NAMES.get(headers.get('x-slotkeeper-account') ?? '') ?? null;
}
