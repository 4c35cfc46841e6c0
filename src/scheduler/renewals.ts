// Keeps held leases alive. Each is renewed every third of its life; one that the store has lost,
// or that could not be renewed in time, is marked lost, so that its holder stops working.
//
// A lease is trusted until (the time at which its last successful acquire or renewal was *sent*)
// + its life − a margin, by the monotonic clock of this process: never longer than by the store.
import type { Service } from '../core/service.ts';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { CODES } from '../redis/codes.ts';
import { HeldLeases } from './held-leases.ts';
import type { Asked, Held } from './held-leases.ts';
import { NO_ACCOUNT, type Lease } from './lease.ts';
import type { Answer } from './replies.ts';
import type { LeaseClaims } from './lease-token.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Operation, RegisterOperation } from './wire.ts';

const TRUST = 0.9;
/** A look every so many parts of a life: what is not trusted any more is seen before it ends. */
const LOOKS = 20;
const RETRY_PART = 15;

export interface RenewalsOptions {
  readonly submit: (op: Operation) => Promise<Answer>;
  readonly events: SchedulerEmitter;
  readonly leaseMs: number;
  /** What the ids of fresh leases contain. */
  readonly freshMark: string;
  /** Ends what the store may still have under "tenant/id", and goes on trying for so long. */
  readonly cancel: (id: string, forMs: number) => void;
  readonly watch: Pick<StoreWatch, 'graceMs'>;
}

export interface Unclaimed {
  /** performance.now() after which the grant was made. */
  readonly sentAt: number;
  /** Within so many ms of the grant the store must have heard of it. */
  readonly claimMs: number;
}

export class Renewals implements Service {
  readonly #options: RenewalsOptions;
  readonly #held: HeldLeases;
  #interval: NodeJS.Timeout | undefined;
  #intervalMs: number;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#held = new HeldLeases(options.freshMark);
    this.#intervalMs = intervalFor(options.leaseMs);
  }

  get size(): number {
    return this.#held.size;
  }

  start(): Promise<void> {
    this.#options.events.on('recovery', this.#registerAll);
    this.#options.events.on('outage', this.#storeIsBack);
    this.#arm();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#options.events.off('recovery', this.#registerAll);
    this.#options.events.off('outage', this.#storeIsBack);
    clearInterval(this.#interval);
    return Promise.resolve();
  }

  /** `sentAt`: performance.now() before the store granted it. */
  add(lease: Lease, asked: Asked, sentAt: number): void {
    this.#add(lease, asked, { sentAt, lifeMs: asked.leaseMs, isClaimed: true });
  }

  /**
   * Holds a grant that must be claimed within `claimMs`, and claims it, once its holder was told: it
   * lives on by its first renewal.
   */
  claim(lease: Lease, asked: Asked, { sentAt, claimMs }: Unclaimed): void {
    const held = this.#add(lease, asked, { sentAt, lifeMs: claimMs, isClaimed: false });
    // Sending takes longer than telling, and would come before the holder's first step.
    setImmediate(() => {
      if (lease.place >= 0) void this.#renew(held);
    });
  }

  #add(lease: Lease, asked: Asked, life: Pick<Held, 'sentAt' | 'lifeMs' | 'isClaimed'>): Held {
    const { sentAt, lifeMs, isClaimed } = life;
    // One literal: spreading one object into another costs microseconds.
    const held: Held = {
      lease,
      asked,
      sentAt,
      lifeMs,
      isClaimed,
      standing: isLocalFence(lease.fence) ? 'local' : 'stored',
      dueAt: sentAt + lifeMs / 3,
      isBusy: false,
    };
    this.#held.add(held);
    if (intervalFor(lifeMs) < this.#intervalMs) {
      this.#intervalMs = intervalFor(lifeMs);
      this.#arm();
    }
    return held;
  }

  /** A move, sent at performance.now() `sentAt`, has let it live on. */
  extended(lease: Lease, sentAt: number): void {
    const held = this.#held.at(lease);
    if (held !== undefined) trustFrom(held, sentAt);
  }

  /** The lease that this process holds under "tenant/id". */
  get(id: string): Lease | undefined {
    return this.#held.find(id)?.lease;
  }

  /** What was asked for it, while it is held. */
  asked(lease: Lease): Asked | undefined {
    return this.#held.at(lease)?.asked;
  }

  /** The store has never heard of it: there is nothing to give back. */
  isLocal(lease: Lease): boolean {
    return this.#held.at(lease)?.standing === 'local';
  }

  /** Its end is its holder's from now on. */
  remove(lease: Lease): void {
    this.#held.remove(lease);
  }

  leases(): Lease[] {
    return this.#held.all().map(({ lease }) => lease);
  }

  #arm(): void {
    clearInterval(this.#interval);
    this.#interval = setInterval(this.#look, this.#intervalMs).unref();
  }

  readonly #look = (): void => {
    const now = performance.now();
    const graceMs = this.#options.watch.graceMs();
    for (const held of this.#held.all()) {
      // Nobody else can have it, and nobody can be asked: the store will be told when it is back.
      if (held.standing === 'local') continue;
      if (now >= held.sentAt + held.lifeMs * TRUST + graceMs)
        this.#lose(held, 'The slot could not be renewed in time.');
      else if (now >= held.dueAt && !held.isBusy) void this.#renew(held);
    }
  };

  readonly #registerAll = (): void => {
    for (const held of this.#held.all()) this.#register(held);
  };

  /** Local grants are told to the store; what it has not heard of for too long is renewed. */
  readonly #storeIsBack = (): void => {
    const now = performance.now();
    for (const held of this.#held.all()) {
      if (held.standing === 'local') this.#register(held);
      else if (now >= held.sentAt + held.asked.leaseMs / 3 && !held.isBusy) void this.#renew(held);
    }
  };

  #register(held: Held): void {
    // From now on it is the store's to say whose it is.
    if (held.standing === 'local') held.sentAt = performance.now();
    held.standing = 'uncertain';
    void this.#renew(held);
  }

  async #renew(held: Held): Promise<void> {
    const { lease } = held;
    const kind = held.standing === 'stored' ? 'renew' : 'register';
    const { id, leaseMs, claim, session } = held.asked;
    const sentAt = performance.now();
    held.isBusy = true;
    try {
      const { fence, account, target } = lease;
      const { tokens = 0, reserveMicro = 0 } = held.asked;
      const again = registration({ account, ...target, claim, tokens, reserveMicro, session });
      const answer = await this.#options.submit(
        kind === 'renew' ? { kind, id, fence, leaseMs } : { kind, id, fence, leaseMs, ...again },
      );
      if (answer.tag === CODES.TAG.renewed) {
        trustFrom(held, sentAt);
        if (kind === 'register') held.standing = 'stored';
        lease.expiresAtMs = answer.at;
      } else if (lease.fence !== fence) {
        // It has moved meanwhile: what is said of its old fence is not about it.
        held.dueAt = performance.now();
      } else if (kind === 'register' || held.standing === 'stored') {
        // Else: the first to see a loss of data; what is said to the registration counts.
        this.#lose(held, 'The slot was taken back by the store.');
      }
    } catch {
      held.dueAt = performance.now() + held.lifeMs / RETRY_PART;
    } finally {
      held.isBusy = false;
    }
  }

  #lose(held: Held, message: string): void {
    const { id, leaseMs, waitMs = 0 } = held.asked;
    // A grant that was taken back left its waiter in the queue: the next one would be nobody's.
    if (!held.isClaimed) this.#options.cancel(id, leaseMs + waitMs);
    if (!this.#held.remove(held.lease)) return;
    const { requestId, account } = held.lease;
    this.#options.events.emit('lost', { requestId, account });
    held.lease.markLost(new AppError('lease_lost', message));
  }
}

/**
 * What the heart needs to register a lease again; `expiresAtMs` (cell time) where the holder's word
 * for being in time is not ours.
 */
export function registration(
  held: Omit<LeaseClaims, 'id' | 'fence' | 'expiresAtMs'> & { readonly expiresAtMs?: number },
): Pick<RegisterOperation, 'claim' | 'tokens' | 'reserveMicro' | 'holding' | 'session'> {
  const { account, pool, model, expiresAtMs, claim, tokens, reserveMicro, session } = held;
  const until = expiresAtMs === undefined ? [] : [expiresAtMs];
  const place = account === NO_ACCOUNT ? [] : [account, pool, model];
  const holding = [...place, ...until].join('\t');
  return { claim, tokens, reserveMicro, session, holding };
}

/** Grants that the store does not know of: its own fences are above all of these. */
function isLocalFence(fence: number): boolean {
  return fence < CODES.FENCE.per_incarnation;
}

/** The store has heard of it: from then on it lives for its whole life, and nobody takes it back. */
function trustFrom(held: Held, sentAt: number): void {
  const { leaseMs } = held.asked;
  held.sentAt = sentAt;
  held.lifeMs = leaseMs;
  held.isClaimed = true;
  held.dueAt = sentAt + leaseMs / 3;
}

function intervalFor(leaseMs: number): number {
  return Math.min(1000, Math.max(5, Math.floor(leaseMs / LOOKS)));
}
