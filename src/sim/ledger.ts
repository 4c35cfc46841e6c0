// Who is inside the simulated upstream: concurrent requests per credential, their high-water mark
// and their ends. It is the oracle for overselling and knows neither HTTP nor the scheduler.
// It must err on neither side: callers of `admit` and `Visit.end` keep the order of server.ts.

export interface CredentialStats {
  readonly credential: string;
  /** Concurrent requests allowed; null when none is declared. */
  readonly limit: number | null;
  readonly inFlight: number;
  /** Most concurrent requests since the last reset, refused ones included. */
  readonly highWater: number;
  readonly total: number;
  /** Answered 429 because the limit was reached. */
  readonly rejected: number;
  /** The client's socket closed before the answer was complete. */
  readonly aborted: number;
}

/** One admitted request. `end` counts once: whoever notices the end first says how it was. */
export interface Visit {
  end(how: 'answered' | 'aborted'): void;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly visit: Visit }
  | { readonly kind: 'over_limit'; readonly limit: number }
  | { readonly kind: 'unknown' };

interface Entry {
  readonly credential: string;
  inFlight: number;
  highWater: number;
  total: number;
  rejected: number;
  aborted: number;
}

/** Without declared limits every credential is welcome; beyond this many they share one entry. */
const MAX_CREDENTIALS = 10_000;
const OTHERS = '(others)';

export class Ledger {
  readonly #limits = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  #unknown = 0;

  /** Sets limits; null removes one. Credentials that are not named keep theirs. */
  setLimits(limits: Readonly<Record<string, number | null>>): void {
    for (const [credential, limit] of Object.entries(limits)) {
      if (limit === null) this.#limits.delete(credential);
      else this.#limits.set(credential, limit);
    }
  }

  /** Whether `credential` may call at all: any may while no limit is declared. */
  knows(credential: string): boolean {
    return this.#limits.size === 0 || this.#limits.has(credential);
  }

  /** Counts an arrival and takes it in, or refuses it. */
  admit(credential: string): Admission {
    if (!this.knows(credential)) {
      this.#unknown += 1;
      return { kind: 'unknown' };
    }
    const entry = this.#entry(credential);
    const limit = this.#limits.get(credential);
    entry.total += 1;
    entry.highWater = Math.max(entry.highWater, entry.inFlight + 1);
    if (limit !== undefined && entry.inFlight >= limit) {
      entry.rejected += 1;
      return { kind: 'over_limit', limit };
    }
    entry.inFlight += 1;
    return { kind: 'admitted', visit: visitOf(entry) };
  }

  /** Counts a request whose socket closed before it could be taken in. */
  countVanished(credential: string): void {
    if (!this.knows(credential)) return;
    const entry = this.#entry(credential);
    entry.total += 1;
    entry.aborted += 1;
  }

  inFlight(credential: string): number {
    return this.#entries.get(credential)?.inFlight ?? 0;
  }

  highWater(credential: string): number {
    return this.#entries.get(credential)?.highWater ?? 0;
  }

  /** Requests whose credential was refused. */
  get unknown(): number {
    return this.#unknown;
  }

  /** Every declared or seen credential, by name. */
  stats(): readonly CredentialStats[] {
    const names = new Set([...this.#limits.keys(), ...this.#entries.keys()]);
    return [...names].sort().map((credential) => ({
      limit: this.#limits.get(credential) ?? null,
      ...(this.#entries.get(credential) ?? emptyEntry(credential)),
    }));
  }

  /** Starts the counts again. What is inside stays inside and is the new high-water mark. */
  reset(): void {
    this.#unknown = 0;
    for (const [credential, entry] of this.#entries) {
      if (entry.inFlight === 0) this.#entries.delete(credential);
      else {
        entry.highWater = entry.inFlight;
        entry.total = entry.inFlight;
        entry.rejected = 0;
        entry.aborted = 0;
      }
    }
  }

  #entry(credential: string): Entry {
    const known = this.#entries.get(credential);
    if (known !== undefined) return known;
    const full = this.#entries.size >= MAX_CREDENTIALS && !this.#limits.has(credential);
    if (full && credential !== OTHERS) return this.#entry(OTHERS);
    const entry = emptyEntry(credential);
    this.#entries.set(credential, entry);
    return entry;
  }
}

function emptyEntry(credential: string): Entry {
  return { credential, inFlight: 0, highWater: 0, total: 0, rejected: 0, aborted: 0 };
}

function visitOf(entry: Entry): Visit {
  let ended = false;
  return {
    end: (how) => {
      if (ended) return;
      ended = true;
      entry.inFlight -= 1;
      if (how === 'aborted') entry.aborted += 1;
    },
  };
}
