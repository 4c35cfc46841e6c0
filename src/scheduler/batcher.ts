// Collects operations and sends them to the heart, at most a few calls in flight. It owns resends
// (a batch whose answer was lost is asked again under its number, never executed twice), deadlines
// and the pair (incarnation, sequence); it knows nothing of leases.
//
// A batch is under way until it is answered or its deadline has passed. What it does not confirm
// is *uncertain*: it may have been executed. Whoever asked must make sure (scheduler.ts does).
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { msToSeconds } from '../core/units.ts';
import { CODES } from '../redis/codes.ts';
import { callScript } from '../redis/script.ts';
import type { Scripts } from '../redis/scripts.ts';
import { MAX_BATCH, decodeAnswer, decodeReply, encodeBatch, encodeHead } from './wire.ts';
import type { Answer, EncodedBatch, Operation, TickReply, TickReport } from './wire.ts';
import type { CellLink } from './cell-link.ts';
import { storeErrorKind, whenReady } from './store-errors.ts';

export interface BatcherOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  readonly daemon: string;
  readonly link: CellLink;
  readonly events: SchedulerEmitter;
  readonly timeoutMs: number;
  readonly maxCallsInFlight: number;
  readonly maxPendingOperations: number;
  readonly gapMs: number;
  readonly recoveryMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
  /** Cell time for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

interface Pending {
  readonly op: Operation;
  /** performance.now() after which nobody waits any more. */
  readonly deadline: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: AppError) => void;
}

const RETRY_AFTER_MS = 1000;
/** Empty ticks change nothing that must not happen twice: their replies are not kept. */
const IDLE_TRACK = CODES.REPLIES.tracks;

export class Batcher {
  readonly #options: BatcherOptions;
  #queue: Pending[] = [];
  #flushScheduled = false;
  #batches = 0;
  /** Tracks without a batch under way. A track carries one at a time, so the heart can tell a resent batch from a new one. */
  readonly #freeTracks: number[];
  /** Ids of the batches under way: an operation on one of them waits, so their order is kept. */
  readonly #busyIds = new Set<string>();
  #idle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#freeTracks = Array.from({ length: options.maxCallsInFlight }, (_, track) => track);
  }

  /**
   * Asks the heart for one operation.
   * Rejects with `store_unavailable` when it was not confirmed within the store's timeout: then it
   * may or may not have been executed.
   */
  submit(op: Operation): Promise<Answer> {
    if (this.#queue.length >= this.#options.maxPendingOperations) {
      return Promise.reject(unavailable('Too many operations are waiting for the store.'));
    }
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.timeoutMs;
      this.#queue.push({ op, deadline, resolve, reject });
      this.#schedule();
    });
  }

  /** Runs an empty tick: reaps what is due and proves that the store works. */
  tick(): Promise<TickReport> {
    return this.#call([], IDLE_TRACK, performance.now() + this.#options.timeoutMs);
  }

  /** Resolves when nothing is under way or queued any more. */
  async drained(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#freeTracks.length === this.#options.maxCallsInFlight;
  }

  /** What arrives in one turn of the event loop goes out together. */
  #schedule(): void {
    if (this.#flushScheduled || this.#freeTracks.length === 0) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const track = this.#freeTracks.pop();
      if (track === undefined) return;
      const batch = this.#take();
      if (batch.length === 0) {
        this.#freeTracks.push(track);
        return;
      }
      void this.#send(batch, track);
    }
  }

  /** The next batch, in order of arrival, without ids that are under way already. */
  #take(): Pending[] {
    const batch: Pending[] = [];
    const held: Pending[] = [];
    const now = performance.now();
    let taken = 0;
    while (taken < this.#queue.length && batch.length < MAX_BATCH) {
      const pending = this.#queue[taken];
      taken += 1;
      if (pending === undefined) break;
      if (pending.deadline <= now) pending.reject(unavailable('The store did not answer in time.'));
      else if (this.#busyIds.has(pending.op.id)) held.push(pending);
      else batch.push(pending);
    }
    this.#queue =
      held.length > 0 ? [...held, ...this.#queue.slice(taken)] : this.#queue.slice(taken);
    for (const { op } of batch) this.#busyIds.add(op.id);
    return batch;
  }

  async #send(batch: readonly Pending[], track: number): Promise<void> {
    const deadline = batch[0]?.deadline ?? 0;
    try {
      await this.#ask(batch, track, deadline);
    } catch (error) {
      const refusal = error instanceof AppError ? error : unavailable('The store failed.', error);
      for (const pending of batch) pending.reject(refusal);
    } finally {
      this.#freeTracks.push(track);
      for (const { op } of batch) this.#busyIds.delete(op.id);
      this.#flush();
      if (this.#isIdle()) {
        for (const resolve of this.#idle.splice(0)) resolve();
      }
    }
  }

  async #ask(batch: readonly Pending[], track: number, deadline: number): Promise<void> {
    const ops = batch.map((pending) => pending.op);
    const report = await this.#call(ops, track, deadline);
    batch.forEach((pending, i) => pending.resolve(decodeAnswer(report.answers, i)));
    // A tick that stopped early is repeated at once.
    if (report.more) this.tick().catch(() => undefined);
  }

  /** One batch until it is answered; rejects with an AppError. */
  async #call(ops: readonly Operation[], track: number, deadline: number): Promise<TickReport> {
    const { link, redis, events } = this.#options;
    this.#batches += 1;
    const call = { number: this.#batches, track };
    const encoded = encodeBatch(ops);
    let entry: 'tick' | 'tick_oom' = 'tick';
    for (;;) {
      try {
        const started = performance.now();
        const reply = await this.#run(entry, encoded, call);
        if (reply.kind === 'ok') {
          this.#tell(reply.report, ops.length, performance.now() - started);
          return reply.report;
        }
        if (reply.kind === 'outdated') throw unavailable('The batch was sent twice.');
        await link.refresh(reply.kind);
      } catch (error) {
        if (error instanceof AppError) throw error;
        const kind = storeErrorKind(error);
        events.emit('storeError', { error: error as Error });
        if (kind === 'defect' || (kind === 'out_of_memory' && entry === 'tick_oom')) {
          throw new AppError('internal', 'The store refused a script.', { cause: error });
        }
        if (kind === 'out_of_memory') entry = 'tick_oom';
        if (kind === 'transient' && !(await whenReady(redis, deadline))) {
          throw unavailable('The store did not answer in time.', error);
        }
      }
      if (performance.now() >= deadline) throw unavailable('The store did not answer in time.');
    }
  }

  async #run(
    entry: 'tick' | 'tick_oom',
    batch: EncodedBatch,
    call: { readonly number: number; readonly track: number },
  ): Promise<TickReply> {
    const { link, redis, scripts, daemon, gapMs, recoveryMs, rememberMs, rememberMax, clock } =
      this.#options;
    const server = await link.server();
    const { bound, registry } = link.view;
    const head = encodeHead({
      generation: registry.generation,
      incarnation: link.incarnation,
      sequence: link.sequence,
      batch: call.number,
      track: call.track,
      clockMs: clock?.(),
      gapMs,
      recoveryMs,
      rememberMs,
      rememberMax,
    });
    const { demands, holdings, operations, ids } = batch;
    const args = [head, daemon, server, demands, holdings, operations, ...ids];
    return decodeReply(await callScript(redis, scripts.tick, entry, bound, args));
  }

  #tell(report: TickReport, operations: number, ms: number): void {
    const { link, events } = this.#options;
    link.note(report);
    events.emit('tick', { operations, seconds: msToSeconds(ms) });
    if (report.reaped > 0) events.emit('reaped', { slots: report.reaped });
    if (report.overage > 0) events.emit('overage', { slots: report.overage });
    if (report.setAside > 0) events.emit('corrupt', { records: report.setAside });
  }
}

function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('store_unavailable', message, { retryAfterMs: RETRY_AFTER_MS, cause });
}
