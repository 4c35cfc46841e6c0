// From what fast-check chose to real operations: which id, which lease, which fence.
import type { Operation } from '../../../src/scheduler/wire.ts';
import { claimOf } from '../../../src/scheduler/wire.ts';
import { usual } from '../commands.ts';
import type { GrantChoice, IdChoice, OpChoice } from '../commands.ts';
import type { Granted, Ledger } from './ledger.ts';

const NAMED = Array.from({ length: 12 }, (_, i) => `${i % 3 === 0 ? 'b' : 'a'}/r${i}`);
const MALFORMED = [
  '',
  'r1',
  'a/',
  'a/b c',
  '/r1',
  'a/r\n1',
  'a/ü',
  'a/{r}\u0000',
  `a/${'x'.repeat(192)}`,
];
/** Choices are made among the latest: those before are only more of the same. */
const LATEST = 40;
/** Its fence is ahead of every incarnation: nobody believes that it was lost. */
const NEVER: Granted = {
  id: 'a/never',
  fence: 2 ** 52,
  leaseMs: 1000,
  claim: 1,
  holding: 'a0\tp\tx',
};

export class OperationMaker {
  readonly #ledger: Ledger;
  #fresh = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  make(choice: OpChoice): Operation {
    switch (choice.kind) {
      case 'acquire': {
        const { id, holder, isUsual } = choice;
        const { demand, leaseMs } = isUsual && 'n' in id ? usual(id.n) : choice;
        const claim = claimOf(holder, demand, leaseMs);
        const isFresh = id.kind === 'fresh';
        return { kind: 'acquire', id: this.#id(id), demand, leaseMs, claim, isFresh };
      }
      case 'renew': {
        const { id, fence } = this.#grant(choice.of);
        return { kind: 'renew', id, fence: fence + choice.off, leaseMs: choice.leaseMs };
      }
      case 'release': {
        const { id, fence } = this.#grant(choice.of);
        return { kind: 'release', id, fence: fence + choice.off, outcome: choice.outcome };
      }
      case 'move': {
        const { demand, leaseMs, outcome } = choice;
        const { id, fence } = this.#grant(choice.of);
        const exclude = choice.exclude.join('\t');
        return { kind: 'move', id, fence: fence + choice.off, demand, leaseMs, outcome, exclude };
      }
      case 'register': {
        const { id, fence, leaseMs, claim, holding } = this.#grant(choice.of);
        return { kind: 'register', id, fence, leaseMs, claim, holding };
      }
      case 'reap':
        return { kind: 'reap', id: 'a/reap' };
      default:
        return { kind: choice.kind, id: this.#id(choice.id) };
    }
  }

  #id(choice: IdChoice): string {
    switch (choice.kind) {
      case 'fresh':
        this.#fresh += 1;
        return `a/fresh-${this.#fresh}`;
      case 'named':
        return NAMED[choice.n % NAMED.length] ?? '';
      case 'malformed':
        return MALFORMED[choice.n % MALFORMED.length] ?? '';
      case 'granted before':
        return this.#grant({ among: 'any', n: choice.n }).id;
    }
  }

  #grant({ among, n }: GrantChoice): Granted {
    const ledger = this.#ledger;
    const from = {
      open: () => ledger.open(),
      believed: () => ledger.believed(),
      any: () => ledger.all,
    };
    const latest = from[among]().slice(-LATEST);
    return latest[n % Math.max(1, latest.length)] ?? NEVER;
  }
}
