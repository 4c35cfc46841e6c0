// The accounts that a lease may name. A change of the configuration reaches the heart and this
// daemon one after the other, and requests wait across it: a grant may name an account that is
// about to come, or one that has just gone.
import type { AccountConfig } from '../config/schema.ts';

export type Accounts = ReadonlyMap<string, AccountConfig>;

/** What finds the account of a lease. */
export type AccountFinder = Pick<Accounts, 'get'>;

export class AccountBook {
  #present: Accounts;
  #expected: Accounts = new Map();

  constructor(present: Accounts) {
    this.#present = present;
  }

  /** Grants may name these as well from now on, beside the present ones. */
  expect(accounts: Accounts): void {
    this.#expected = accounts;
  }

  /** These are the present ones from now on. */
  replace(accounts: Accounts): void {
    this.#present = accounts;
  }

  /** For requests that came while `own` were the present ones: they may still get one of those. */
  finderFor(own: Accounts): AccountFinder {
    return {
      get: (name) => this.#present.get(name) ?? own.get(name) ?? this.#expected.get(name),
    };
  }
}
