// Keeps held leases alive. Each is renewed every third of its life; one that the store has lost,
// or that could not be renewed in time, is marked lost, so that its holder stops working.
//
// A lease is trusted until (the time at which its last successful acquire or renewal was *sent*)
// + its life − a margin, by the monotonic clock of this process: never longer than by the store.
import type { Service } from '../core/service.ts';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { CODES } from '../redis/codes.ts';
import type { Lease } from './lease.ts';
import type { Answer, Operation } from './wire.ts';

const TRUST = 0.9;
/** A look every so many parts of a life: what is not trusted any more is seen before it ends. */
const LOOKS = 20;
const RETRY_PART = 15;

interface Held {
  readonly lease: Lease;
  readonly key: string;
  readonly leaseMs: number;
  readonly claim: number;
  dueAt: number;
  trustedUntil: number;
  isBusy: boolean;
}

export interface RenewalsOptions {
  readonly submit: (op: Operation) => Promise<Answer>;
  readonly events: SchedulerEmitter;
  readonly leaseMs: number;
}

/** What a lease needs to be renewed, and to be registered again after a loss of data. */
export interface HeldLease {
  readonly lease: Lease;
  /** "tenant/id". */
  readonly key: string;
  readonly leaseMs: number;
  readonly claim: number;
  /** performance.now() when the acquire was sent. */
  readonly sentAt: number;
}

export class Renewals implements Service {
  readonly #options: RenewalsOptions;
  readonly #held = new Map<string, Held>();
  #interval: NodeJS.Timeout | undefined;
  #intervalMs: number;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#intervalMs = intervalFor(options.leaseMs);
  }

  get size(): number {
    return this.#held.size;
  }

  start(): Promise<void> {
    this.#options.events.on('recovery', this.#registerAll);
    this.#arm();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#options.events.off('recovery', this.#registerAll);
    clearInterval(this.#interval);
    return Promise.resolve();
  }

  add({ lease, key, leaseMs, claim, sentAt }: HeldLease): void {
    const trustedUntil = sentAt + leaseMs * TRUST;
    const dueAt = sentAt + leaseMs / 3;
    this.#held.set(key, { lease, key, leaseMs, claim, dueAt, trustedUntil, isBusy: false });
    if (intervalFor(leaseMs) < this.#intervalMs) {
      this.#intervalMs = intervalFor(leaseMs);
      this.#arm();
    }
  }

  /** The lease that this process holds under a key. */
  get(key: string): Lease | undefined {
    return this.#held.get(key)?.lease;
  }

  /** Whether it was held. */
  remove(key: string): boolean {
    return this.#held.delete(key);
  }

  leases(): Lease[] {
    return [...this.#held.values()].map((held) => held.lease);
  }

  #arm(): void {
    clearInterval(this.#interval);
    this.#interval = setInterval(this.#look, this.#intervalMs).unref();
  }

  readonly #look = (): void => {
    const now = performance.now();
    for (const held of this.#held.values()) {
      if (now >= held.trustedUntil) this.#lose(held, 'The slot could not be renewed in time.');
      else if (now >= held.dueAt && !held.isBusy) void this.#renew(held, 'renew');
    }
  };

  readonly #registerAll = (): void => {
    for (const held of this.#held.values()) void this.#renew(held, 'register');
  };

  async #renew(held: Held, kind: 'renew' | 'register'): Promise<void> {
    const { lease, key, leaseMs, claim } = held;
    const sentAt = performance.now();
    held.isBusy = true;
    try {
      const { fence, account, target } = lease;
      const holding = `${account}\t${target.pool}\t${target.model}`;
      const answer = await this.#options.submit(
        kind === 'renew'
          ? { kind, id: key, fence, leaseMs }
          : { kind, id: key, fence, leaseMs, claim, holding },
      );
      if (this.#held.get(key) !== held) return;
      if (answer.tag === CODES.TAG.renewed) {
        held.trustedUntil = sentAt + leaseMs * TRUST;
        held.dueAt = sentAt + leaseMs / 3;
        lease.expiresAtMs = answer.at;
      } else {
        this.#lose(held, 'The slot was taken back by the store.');
      }
    } catch {
      held.dueAt = performance.now() + leaseMs / RETRY_PART;
    } finally {
      held.isBusy = false;
    }
  }

  #lose(held: Held, message: string): void {
    if (!this.#held.delete(held.key)) return;
    const { requestId, account } = held.lease;
    this.#options.events.emit('lost', { requestId, account });
    held.lease.markLost(new AppError('lease_lost', message));
  }
}

function intervalFor(leaseMs: number): number {
  return Math.min(1000, Math.max(5, Math.floor(leaseMs / LOOKS)));
}
