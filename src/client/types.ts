// What callers of the client give and get. It repeats the API's words instead of importing the
// server's, so that the client stands alone; a test holds the two together.

export interface SlotTarget {
  readonly pool: string;
  readonly model: string;
}

export type SlotOutcome =
  'success' | 'rate_limited' | 'overloaded' | 'failed' | 'unusable' | 'ignored';

interface SlotRequestBase {
  /** The idempotency key, 1 to 128 printable ASCII characters; a random one by default. */
  readonly requestId?: string;
  /** Life of the lease in ms; the server's configured one by default. */
  readonly leaseMs?: number;
  /** How long in ms it may be queued where nothing is free; 0 (default): refused at once. */
  readonly waitMs?: number;
  /** 0 (most urgent) to 9 among the waiters of its tenant. */
  readonly priority?: number;
  /** Estimated input and output, charged to rates of tokens. */
  readonly tokens?: number;
  /** The conversation that it belongs to: the account that served it before is preferred. */
  readonly session?: string;
  /** Whether requests of the session that say so run one at a time, in the order of arrival. */
  readonly lane?: boolean;
  /** Estimated cost in micro-units, held under the budgets until the release. */
  readonly reserveMicro?: number;
}

/** Either a route of the server's configuration or ordered targets. */
export type SlotRequest =
  | (SlotRequestBase & { readonly route: string })
  | (SlotRequestBase & { readonly targets: readonly SlotTarget[] });

/** What is held: a slot, or a lane alone. */
export interface Hold {
  readonly requestId: string;
  readonly fence: number;
  /** The store's clock, in ms: compare it with nothing of this machine. */
  readonly expiresAtMs: number;
  readonly leaseMs: number;
  /** Lets it outlive a loss of the store's data, when renewals show it. Opaque. */
  readonly leaseToken?: string | undefined;
  readonly replayed: boolean;
}

export interface Slot extends Hold {
  readonly account: string;
  readonly pool: string;
  readonly model: string;
}

/** The right to a session's lane alone; its fence rises with every holder. */
export type LaneHold = Hold;

/** How a lane alone is asked for; `waitMs` is four minutes by default. */
export type LaneRequest = Pick<SlotRequestBase, 'requestId' | 'leaseMs' | 'waitMs'>;

/** Names a slot or a lane. */
export type SlotRef = Pick<Hold, 'requestId' | 'fence' | 'leaseToken'>;

export interface Renewed {
  readonly expiresAtMs: number;
  /** To be shown with the next renewal. */
  readonly leaseToken?: string | undefined;
}

export interface ClientOptions {
  /** The daemon's address, such as http://127.0.0.1:8080 */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** Time in ms for one call; 10 s by default. */
  readonly timeoutMs?: number;
  /** Repeats of a call that got no answer or 503; all calls are idempotent. 2 by default. */
  readonly retries?: number;
}

/** How a use ended and what it came to. */
export interface SlotUse {
  readonly outcome?: SlotOutcome;
  /** Actual cost in micro-units; without it the reservation is settled at its sum. */
  readonly costMicro?: number;
  /** Actual input and output; without them the estimate stays charged. */
  readonly tokens?: number;
  /** After which the upstream wants to be asked again, in ms. */
  readonly retryAfterMs?: number;
  /** Whether the account's breaker takes it for a failure. */
  readonly countsForBreaker?: boolean;
  /** What `retryAfterMs` is about; `account` by default. */
  readonly scope?: 'account' | 'model';
}

/** How the attempt that is given up has ended, and where its request may go instead. */
export type SlotMove = Pick<SlotUse, 'retryAfterMs' | 'countsForBreaker' | 'scope'> & {
  readonly outcome: SlotOutcome;
  /** Accounts that were tried before this one: none of them is taken again. */
  readonly exclude?: readonly string[];
  /** How long in ms it may wait where nothing is free, without an account; 0 (default): refused. */
  readonly waitMs?: number;
  readonly priority?: number;
  readonly leaseMs?: number;
} & ({ readonly route: string } | { readonly targets: readonly SlotTarget[] });

export type MovedSlot = Omit<Slot, 'replayed'>;

export interface CallOptions {
  readonly signal?: AbortSignal;
}
