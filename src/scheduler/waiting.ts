// Acquires and moves that the store has queued, on the daemon's side. Each waits for its notice; asking again
// (the same question: it keeps its place) is the safety net. Nobody polls: a tick is sent when the
// store has said that something changes by itself, and a bounded number of waiters asks again once
// an interval.
//
// States of a waiter: queued → decided (its answer came with a notice, or when it asked again) or
// given up (its caller left, or the store could not be asked by its deadline).
import { AppError } from '../core/errors.ts';
import type { Target } from '../core/domain.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CODES } from '../redis/codes.ts';
import type { AcquireAsked } from './acquiring.ts';
import { againOf, isDecided } from './asking-again.ts';
import type { MoveAsked } from './moving.ts';
import { decodeNotices } from './notices.ts';
import type { Message } from './notices.ts';
import { gaveUp, shuttingDown } from './refusals.ts';
import type { Answer, TickReport } from './replies.ts';
import { Sightings } from './sightings.ts';
import type { Operation } from './wire.ts';

const TAG = CODES.TAG;
/** Waiters that ask again in one interval, at most. */
const ASKED_AT_ONCE = 64;
/** Daemons that were told the same time do not all act on it at once. */
const WAKE_JITTER_MS = 10;
/** After its deadline a waiter asks once more, and then gives up. */
const GRACE_MS = 250;
/** A grant whose time for claiming it is over but for this part is claimed before it is used. */
const LEFT_TO_CLAIM = 0.25;

/** Who is told; exactly one of `answered` and `gaveUp` is called, once. */
export interface Queued {
  readonly op: AcquireAsked | MoveAsked;
  /** performance.now() before the store decided, at the latest. */
  sentAt: number;
  answered(answer: Answer, nowMs: number): void;
  /** `isLast`: nobody else waits under its id, so its place is given up as well. */
  gaveUp(error: AppError, isLast: boolean): void;
  /** The store has not answered: whether its caller has a slot without it, and waits no more. */
  servedLocally(): boolean;
}

interface Asker {
  readonly asked: Queued;
  readonly leave: () => void;
}

interface Waiter {
  /** Who asked under its id: a caller may repeat itself while it waits. */
  readonly askers: Set<Asker>;
  readonly id: string;
  /** The same question, as it is asked again at performance.now() `now`. */
  readonly again: (now: number) => Operation;
  readonly since: number;
  /** performance.now() by which the store must have decided. */
  readonly deadline: number;
  askedAt: number;
  /** An ask is under way. */
  isBusy: boolean;
  /** To be asked (again): what an ask under way brings may be older than the wish. */
  mustAsk: boolean;
}

export interface WaitingOptions {
  readonly submit: (op: Operation) => Promise<Answer>;
  readonly tick: () => Promise<unknown>;
  readonly events: SchedulerEmitter;
  readonly checkIntervalMs: number;
}

export class Waiting implements Service {
  readonly #options: WaitingOptions;
  readonly #waiters = new Map<string, Waiter>();
  /**
   * Ids whose decision has overtaken the answer that queues them: notices come by another
   * connection, and a tick's own before the answers of the one before are handed out.
   */
  readonly #overtaken = new Set<string>();
  readonly #sightings = new Sightings();
  #interval: NodeJS.Timeout | undefined;
  #wake: NodeJS.Timeout | undefined;
  /** performance.now() at which something changes by itself, as far as the store has told. */
  #wakeAt: number | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiters.size;
  }

  start(): Promise<void> {
    const { checkIntervalMs, events } = this.#options;
    // Jittered, so that daemons that began together do not ask together.
    const interval = (checkIntervalMs / 2) * (0.9 + Math.random() / 5);
    this.#interval = setInterval(this.#look, interval).unref();
    events.on('recovery', this.askAll);
    return Promise.resolve();
  }

  /** Refuses whoever still waits. */
  stop(): Promise<void> {
    clearInterval(this.#interval);
    clearTimeout(this.#wake);
    this.#options.events.off('recovery', this.askAll);
    for (const waiter of this.#waiters.values()) this.#giveUp(waiter, shuttingDown());
    return Promise.resolve();
  }

  /** The store has queued it: `queued.fence` is the cell time of its arrival. */
  add(asked: Queued, queued: Answer): void {
    const { id, signal, targets } = asked.op;
    const known = this.#waiters.get(id);
    const waiter = known ?? newWaiter(asked.op, queued);
    this.#waiters.set(id, waiter);
    const [target] = targets;
    if (known === undefined && target !== undefined)
      this.#options.events.emit('queued', { target });
    const asker: Asker = { asked, leave: () => this.#left(waiter, asker) };
    waiter.askers.add(asker);
    signal?.addEventListener('abort', asker.leave, { once: true });
    if (signal?.aborted === true) asker.leave();
    else if (this.#overtaken.delete(id)) void this.#ask(waiter);
    // The reply that queued it has told before it was known here.
    if (this.#wake === undefined && this.#wakeAt !== undefined) {
      this.#wakeIn(Math.max(0, this.#wakeAt - performance.now()));
    }
  }

  /** Its request is given back: nobody waits for it any more. */
  leave(id: string): void {
    const waiter = this.#waiters.get(id);
    if (waiter !== undefined) this.#giveUp(waiter, gaveUp());
  }

  /** One of those who asked has left; the place is the others' as long as there are any. */
  #left(waiter: Waiter, asker: Asker): void {
    if (waiter.askers.size === 1) this.#giveUp(waiter, gaveUp());
    else if (waiter.askers.delete(asker)) asker.asked.gaveUp(gaveUp(), false);
  }

  /**
   * What a tick, sent at performance.now() `sentAt`, tells waiters: decisions, whose grants are
   * claimed already, and when something changes by itself.
   */
  heed(report: TickReport, sentAt: number): void {
    this.#sightings.note(report, sentAt);
    if (report.notices.length > 0) {
      for (const { id, answer } of decodeNotices(report.notices)) this.#decide(id, answer, sentAt);
    }
    this.#wakeIn(report.wakeInMs);
  }

  /**
   * What other daemons' ticks have decided. A grant may be used at once while the store cannot have
   * taken it back yet, and is claimed meanwhile; a later one only once the store has confirmed it.
   */
  readonly heard = (message: Message): void => {
    const grantedAfter = this.#sightings.before(message);
    for (const { id, answer } of message.notices) {
      const waiter = this.#waiters.get(id);
      const { tag, claimMs = 0 } = answer;
      const isOurs = performance.now() < grantedAfter + claimMs * (1 - LEFT_TO_CLAIM);
      if (waiter === undefined || tag === TAG.denied || (isOurs && mayBeginUnclaimed(waiter)))
        this.#decide(id, answer, grantedAfter);
      else void this.#ask(waiter);
    }
  };

  /** Every waiter asks: the store may have forgotten it, or its notice may be lost. */
  readonly askAll = (): void => {
    for (const waiter of this.#waiters.values()) void this.#ask(waiter);
  };

  /** -1 for nothing that changes by itself. */
  #wakeIn(inMs: number): void {
    clearTimeout(this.#wake);
    this.#wake = undefined;
    this.#wakeAt = inMs < 0 ? undefined : performance.now() + inMs;
    if (inMs < 0 || this.#waiters.size === 0) return;
    this.#wake = setTimeout(
      () => {
        this.#options.tick().catch(() => undefined);
      },
      inMs + 1 + Math.random() * WAKE_JITTER_MS,
    ).unref();
  }

  readonly #look = (): void => {
    const now = performance.now();
    const { checkIntervalMs } = this.#options;
    // Whoever was decided by its own asking, or has left, is told for nothing.
    this.#overtaken.clear();
    let asked = 0;
    for (const [id, waiter] of [...this.#waiters]) {
      const isLate = now >= waiter.deadline;
      const isDue = now - waiter.askedAt >= checkIntervalMs && asked < ASKED_AT_ONCE;
      if (!isLate && !isDue) continue;
      asked += 1;
      // Behind those that did not have their turn yet: where many wait, each has one in the end.
      this.#waiters.delete(id);
      this.#waiters.set(id, waiter);
      void this.#ask(waiter);
    }
  };

  async #ask(waiter: Waiter): Promise<void> {
    waiter.mustAsk = true;
    if (waiter.isBusy) return;
    waiter.isBusy = true;
    while (waiter.mustAsk && this.#waiters.get(waiter.id) === waiter) {
      waiter.mustAsk = false;
      await this.#askOnce(waiter);
    }
    waiter.isBusy = false;
  }

  async #askOnce(waiter: Waiter): Promise<void> {
    waiter.askedAt = performance.now();
    try {
      const op = waiter.again(waiter.askedAt);
      const answer = await this.#options.submit(op);
      if (isDecided(op, answer)) this.#decide(waiter.id, answer, waiter.askedAt);
    } catch (error) {
      const isLate = performance.now() >= waiter.deadline;
      const [asker] = waiter.askers;
      if (asker?.asked.servedLocally() === true) this.#remove(waiter, 'granted');
      else if (isLate && error instanceof AppError) this.#giveUp(waiter, error);
    }
  }

  #decide(id: string, answer: Answer, sentAt: number): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) {
      this.#overtaken.add(id);
      return;
    }
    const isRefused = answer.tag === TAG.denied || answer.tag === TAG.lost;
    this.#remove(waiter, isRefused ? 'denied' : 'granted');
    for (const { asked } of waiter.askers) {
      asked.sentAt = sentAt;
      asked.answered(answer, performance.now());
    }
  }

  #giveUp(waiter: Waiter, error: AppError): void {
    if (this.#waiters.get(waiter.id) !== waiter) return;
    this.#remove(waiter, 'left');
    for (const { asked } of waiter.askers) asked.gaveUp(error, true);
  }

  #remove(waiter: Waiter, how: 'granted' | 'denied' | 'left'): void {
    this.#waiters.delete(waiter.id);
    let target: Target | undefined;
    for (const { asked, leave } of waiter.askers) {
      asked.op.signal?.removeEventListener('abort', leave);
      [target] = asked.op.targets;
    }
    const ms = performance.now() - waiter.since;
    if (target !== undefined) this.#options.events.emit('dequeued', { target, how, ms });
  }
}

/**
 * Whether a grant may be used before it is claimed: only we can stop its use, and no ask is under
 * way, whose answer would tell as much. A move asks again: that costs a call, and it is rare.
 */
function mayBeginUnclaimed({ askers, isBusy }: Waiter): boolean {
  return !isBusy && [...askers].every(({ asked: { op } }) => op.kind === 'acquire' && op.isRenewed);
}

function newWaiter(op: AcquireAsked | MoveAsked, queued: Answer): Waiter {
  const { id, waitMs = 0 } = op;
  const since = performance.now();
  return {
    askers: new Set(),
    id,
    again: againOf(op, queued, since + waitMs),
    since,
    deadline: since + waitMs + GRACE_MS,
    askedAt: since,
    isBusy: false,
    mustAsk: false,
  };
}
