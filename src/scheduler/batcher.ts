// Collects operations and hands them to the heart in batches, a few under way at once. It keeps the
// order of operations on one id and tells each asker its answer; calling is ticks.ts' work, and
// nothing here knows of leases.
//
// A batch is under way until it is answered or its deadline has passed. What it does not confirm
// is *uncertain*: it may have been executed. Whoever asked must make sure.
import { AppError, asAppError } from '../core/errors.ts';
import { CODES } from '../redis/codes.ts';
import { unavailable } from './refusals.ts';
import { Ticks } from './ticks.ts';
import type { TicksOptions } from './ticks.ts';
import { Answers } from './replies.ts';
import { MAX_BATCH } from './wire.ts';
import type { Answer, TickReport } from './replies.ts';
import type { Operation } from './wire.ts';

export interface BatcherOptions extends TicksOptions {
  readonly timeoutMs: number;
  readonly maxCallsInFlight: number;
  readonly maxPendingOperations: number;
}

/**
 * An operation and who waits for its answer. Callbacks instead of a promise each: under load the
 * promises of a pair cost more than all else that is done for it here.
 */
export interface Pending {
  readonly op: Operation;
  /** performance.now() when it was asked. */
  readonly sentAt: number;
  /** Whether later operations on its id must wait until it is answered. */
  readonly blocksId: boolean;
  /** The answer is to be read within the call: it is the next one's afterwards. */
  answered(answer: Answer, nowMs: number): void;
  /** With `store_unavailable` the operation may or may not have been executed. */
  failed(error: AppError): void;
}

/** Empty ticks change nothing that must not happen twice: their replies are not kept. */
const IDLE_TRACK = CODES.REPLIES.tracks;
/** So many operations are worth a call to an idle store before the turn of the loop has ended. */
const IDLE_BATCH = MAX_BATCH / 2;

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #ticks: Ticks;
  #queue: Pending[] = [];
  #flushScheduled = false;
  /** Tracks without a batch under way. A track carries one at a time, so the heart can tell a resent batch from a new one. */
  readonly #freeTracks: number[];
  /** Ids that operations under way block: another one on such an id waits, so their order is kept. */
  readonly #busyIds = new Set<string>();
  #idle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#ticks = new Ticks(options);
    this.#freeTracks = Array.from({ length: options.maxCallsInFlight }, (_, track) => track);
  }

  /** Asks the heart for one operation; what is not confirmed within the store's timeout fails. */
  send(pending: Pending): void {
    if (this.#queue.length >= this.#options.maxPendingOperations) {
      pending.failed(unavailable('Too many operations are waiting for the store.'));
      return;
    }
    this.#queue.push(pending);
    this.#flushEnough();
  }

  /** Like send, for those who ask seldom. */
  submit(op: Operation): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.send({
        op,
        sentAt: performance.now(),
        blocksId: true,
        answered: ({ tag, detail, model, account, fence, at, limits }) =>
          resolve({ tag, detail, model, account, fence, at, limits }),
        failed: reject,
      });
    });
  }

  /** Runs an empty tick: reaps what is due and proves that the store works. */
  async tick(): Promise<TickReport> {
    const deadline = performance.now() + this.#options.timeoutMs;
    const report = await this.#ticks.call([], IDLE_TRACK, deadline);
    this.#goOn(report);
    return report;
  }

  /** A tick that stopped early is repeated at once. */
  #goOn({ more }: TickReport): void {
    if (more) this.tick().catch(() => undefined);
  }

  /** Resolves when nothing is under way or queued any more. */
  async drained(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #callsInFlight(): number {
    return this.#options.maxCallsInFlight - this.#freeTracks.length;
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#callsInFlight() === 0;
  }

  /**
   * Sends what is worth a call already: a full batch, or half a one where the store would be idle
   * meanwhile. The rest goes out with all that arrives in the same turn of the event loop; to an
   * idle store, with all that arrives in the same callback: a slot that waits for others of its turn
   * is given on later, and from then on they all end together and wait for each other.
   */
  #flushEnough(): void {
    while (this.#queue.length >= (this.#callsInFlight() === 0 ? IDLE_BATCH : MAX_BATCH)) {
      if (!this.#sendNext()) break;
    }
    if (this.#flushScheduled || this.#queue.length === 0 || this.#freeTracks.length === 0) return;
    this.#flushScheduled = true;
    if (this.#callsInFlight() === 0) process.nextTick(this.#flush);
    else setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    while (this.#sendNext());
  };

  /** False where no batch could be sent. */
  #sendNext(): boolean {
    if (this.#queue.length === 0) return false;
    const track = this.#freeTracks.pop();
    if (track === undefined) return false;
    const batch = this.#take();
    if (batch.length === 0) this.#freeTracks.push(track);
    else void this.#run(batch, track);
    return batch.length > 0;
  }

  /** The next batch, in order of arrival, without ids that are under way already. */
  #take(): Pending[] {
    const batch: Pending[] = [];
    const held: Pending[] = [];
    const oldest = performance.now() - this.#options.timeoutMs;
    let taken = 0;
    for (const pending of this.#queue) {
      if (batch.length === MAX_BATCH) break;
      taken += 1;
      const { op, sentAt } = pending;
      if (sentAt <= oldest) pending.failed(unavailable('The store did not answer in time.'));
      else if (this.#busyIds.size > 0 && this.#busyIds.has(op.id)) held.push(pending);
      else batch.push(pending);
    }
    this.#queue = held.concat(this.#queue.slice(taken));
    for (const { op, blocksId } of batch) if (blocksId) this.#busyIds.add(op.id);
    return batch;
  }

  async #run(batch: readonly Pending[], track: number): Promise<void> {
    const deadline = (batch[0]?.sentAt ?? 0) + this.#options.timeoutMs;
    const ops = batch.map(({ op }) => op);
    try {
      const report = await this.#ticks.call(ops, track, deadline);
      tell(batch, report);
      this.#goOn(report);
    } catch (error) {
      const refusal = error instanceof AppError ? error : unavailable('The store failed.', error);
      for (const pending of batch) pending.failed(refusal);
    } finally {
      this.#freeTracks.push(track);
      for (const { op, blocksId } of batch) if (blocksId) this.#busyIds.delete(op.id);
      this.#flushEnough();
      if (this.#isIdle()) {
        for (const resolve of this.#idle.splice(0)) resolve();
      }
    }
  }
}

/** Hands out the answers of a batch. An asker that fails at its own hurts none of the others. */
function tell(batch: readonly Pending[], report: TickReport): void {
  const answers = new Answers(report);
  const nowMs = performance.now();
  for (const pending of batch) {
    try {
      pending.answered(answers, nowMs);
    } catch (error) {
      pending.failed(asAppError(error));
    }
    answers.next();
  }
}
