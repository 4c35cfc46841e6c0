// Calls of the heart: one batch until the store has answered it or its deadline has passed. A batch
// whose answer was lost is asked again under its number, so it is never executed twice. It owns the
// numbers of the batches and what a daemon tells of itself; it knows nothing of who waits.
import type { Redis } from 'ioredis';
import { DEFAULT_SESSIONS } from '../config/sessions-schema.ts';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { msToSeconds } from '../core/units.ts';
import { callScript } from '../redis/script.ts';
import type { Scripts } from '../redis/scripts.ts';
import type { CellLink } from './cell-link.ts';
import { encodeHead } from './head.ts';
import { readHealthAlarms } from './health.ts';
import { unavailable } from './refusals.ts';
import { storeErrorKind, whenReady } from './store-errors.ts';
import { decodeReply, readAlarms } from './replies.ts';
import type { SessionSettings } from './types.ts';
import { encodeBatch } from './wire.ts';
import type { TickReply, TickReport } from './replies.ts';
import type { EncodedBatch, Operation } from './wire.ts';

export interface TicksOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  readonly daemon: string;
  readonly link: CellLink;
  readonly events: SchedulerEmitter;
  readonly gapMs: number;
  readonly recoveryMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
  readonly maxWaiting: number;
  readonly sessions?: (() => SessionSettings) | undefined;
  /** What each tick tells beside its answers; `sentAt` is performance.now() before it was first sent. */
  readonly onReport: (report: TickReport, sentAt: number) => void;
  /** Cell time for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

export class Ticks {
  readonly #options: TicksOptions;
  #batches = 0;

  constructor(options: TicksOptions) {
    this.#options = options;
  }

  /** One batch until it is answered, or performance.now() reaches `deadline`; rejects with an AppError. */
  async call(ops: readonly Operation[], track: number, deadline: number): Promise<TickReport> {
    const { link, redis, events } = this.#options;
    this.#batches += 1;
    const call = { number: this.#batches, track };
    const encoded = encodeBatch(ops);
    let entry: 'tick' | 'tick_oom' = 'tick';
    // A batch that is sent again may have been executed the first time.
    const sentAt = performance.now();
    for (;;) {
      try {
        const reply = await this.#run(entry, encoded, call);
        if (reply.kind === 'ok') {
          this.#tell(reply.report, ops.length, sentAt);
          return reply.report;
        }
        if (reply.kind === 'outdated') throw unavailable('The batch was sent twice.');
        if (reply.kind === 'layout') await link.bringLayout(reply.layout);
        else await link.refresh(reply.kind);
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
    const { link, redis, scripts, daemon, clock } = this.#options;
    const { gapMs, recoveryMs, rememberMs, rememberMax, maxWaiting } = this.#options;
    const sessions = this.#options.sessions?.() ?? DEFAULT_SESSIONS;
    // Awaiting what is known would send the batch only after all that waits in this turn.
    const server = link.knownServer ?? (await link.server());
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
      maxWaiting,
      sessionMs: sessions.ttlMs,
      maxSessions: sessions.maxRemembered,
      preferMs: sessions.waitMs,
    });
    const { demands, holdings, spends, excludes, operations, ids } = batch;
    const lines = [demands, holdings, spends, excludes, batch.sessions];
    const args = [head, daemon, server, ...lines, operations, ...ids];
    return decodeReply(await callScript(redis, scripts.tick, entry, bound, args));
  }

  #tell(report: TickReport, operations: number, sentAt: number): void {
    const { link, events, onReport } = this.#options;
    link.note(report);
    const ms = performance.now() - sentAt;
    const { recoveringMs, v2 } = report;
    events.emit('tick', { operations, seconds: msToSeconds(ms), recoveringMs, v2 });
    if (report.alarms !== '') {
      for (const warning of readAlarms(report.alarms)) events.emit('budgetWarning', warning);
      const modelOf = (number: number) => link.view.model(number);
      for (const change of readHealthAlarms(report.alarms, modelOf)) events.emit('health', change);
    }
    onReport(report, sentAt);
    if (report.reaped > 0) events.emit('reaped', { slots: report.reaped });
    if (report.overage > 0) events.emit('overage', { slots: report.overage });
    if (report.setAside > 0) events.emit('corrupt', { records: report.setAside });
  }
}
