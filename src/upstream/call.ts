// One call to an upstream: its phases, its time limits and its end. What the bytes mean and where
// they go is its listener's business.
//
// Phases: connecting → waiting (for the head) → streaming ⇄ paused (the listener cannot take more)
// → closing (only the end is missing) → over. Each phase has a limit, and one limit is for all. A
// call ends once: by `ended`, by `failed`, or by `abort`, after which the listener hears nothing.
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { UpstreamTimeouts } from '../config/schema.ts';
import { AppError } from '../core/errors.ts';
import { failureOf, upstreamFailure, type UpstreamFailure } from './failures.ts';

export interface AnswerListener {
  /** The head has arrived; `status` is at least 200. */
  started(status: number, headers: IncomingHttpHeaders): void;
  /** Answers whether more may come at once; otherwise `resume` says when. */
  data(chunk: Buffer): boolean;
  ended(): void;
  failed(failure: UpstreamFailure): void;
}

export interface CallLimits extends UpstreamTimeouts {
  readonly writeIdleTimeoutMs: number;
}

type Phase = 'connecting' | 'waiting' | 'streaming' | 'paused' | 'closing' | 'over';

/** For the end of an answer that has said that it is complete. */
const CLOSING_TIMEOUT_MS = 2000;

export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #listener: AnswerListener;
  readonly #limits: CallLimits;
  readonly #totalDeadlineMs: number;
  #controller: Dispatcher.DispatchController | undefined;
  #phase: Phase = 'connecting';
  /** When the phase began, or its last byte came. */
  #sinceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;

  constructor(listener: AnswerListener, limits: CallLimits) {
    this.#listener = listener;
    this.#limits = limits;
    this.#sinceMs = performance.now();
    this.#totalDeadlineMs = this.#sinceMs + limits.totalTimeoutMs;
    this.#watch();
  }

  /** The listener can take more. */
  resume(): void {
    if (this.#phase === 'paused') this.#enter('streaming');
    if (this.#phase !== 'over') this.#controller?.resume();
  }

  /** The answer is complete but for its end, which must come soon. */
  expectEnd(): void {
    if (this.#phase !== 'over' && this.#phase !== 'closing') this.#enter('closing');
  }

  /** Cuts the connection. Idempotent; the listener hears nothing any more. */
  abort(reason: Error): void {
    if (this.#finish()) this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was given up while its connection was being made: nothing has been sent yet.
    if (this.#phase === 'over') controller.abort(new Error('given up'));
    else this.#enter('waiting');
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#phase !== 'waiting' || status < 200) return;
    this.#enter('streaming');
    this.#listener.started(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'streaming') this.#sinceMs = performance.now();
    // It ends in the listener, so the phase may be another one afterwards.
    if (this.#listener.data(chunk) || this.#isOver()) return;
    if (this.#phase === 'streaming') this.#enter('paused');
    controller.pause();
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#listener.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const begun = this.#phase !== 'connecting' && this.#phase !== 'waiting';
    if (this.#finish()) this.#listener.failed(upstreamFailure(error, { begun }));
  }

  #isOver(): boolean {
    return this.#phase === 'over';
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#sinceMs = performance.now();
    this.#watch();
  }

  #finish(): boolean {
    if (this.#phase === 'over') return false;
    this.#phase = 'over';
    clearTimeout(this.#timer);
    return true;
  }

  /** Re-arms only when the next limit comes before the timer does: most calls set one timer. */
  #watch(): void {
    const dueMs = Math.min(this.#sinceMs + this.#limitMs(), this.#totalDeadlineMs);
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(onDue, Math.ceil(dueMs - performance.now()), this);
  }

  /** Called by the timer. */
  checkTime(): void {
    const nowMs = performance.now();
    this.#timerDueMs = Infinity;
    const late = nowMs >= this.#sinceMs + this.#limitMs();
    if (!late && nowMs < this.#totalDeadlineMs) this.#watch();
    else this.#giveUp(late);
  }

  #giveUp(late: boolean): void {
    const phase = this.#phase;
    if (!this.#finish()) return;
    const failure = late ? LATE[phase]() : tooLong();
    this.#controller?.abort(failure.error);
    if (phase === 'closing') this.#listener.ended();
    else this.#listener.failed(failure);
  }

  #limitMs(): number {
    switch (this.#phase) {
      case 'connecting':
        return this.#limits.connectTimeoutMs;
      case 'waiting':
        return this.#limits.headersTimeoutMs;
      case 'paused':
        return this.#limits.writeIdleTimeoutMs;
      case 'closing':
        return CLOSING_TIMEOUT_MS;
      default:
        return this.#limits.idleTimeoutMs;
    }
  }
}

function onDue(call: UpstreamCall): void {
  call.checkTime();
}

const tooLong = (): UpstreamFailure =>
  failureOf('timeout', 'The upstream took longer than an answer may take.');

const LATE: Readonly<Record<Phase, () => UpstreamFailure>> = {
  connecting: () => failureOf('connect_timeout', 'The upstream could not be connected to in time.'),
  waiting: () => failureOf('timeout', 'The upstream did not begin to answer in time.'),
  streaming: () => failureOf('timeout', 'The upstream fell silent in mid-answer.'),
  paused: () => ({
    sign: undefined,
    error: new AppError('client_closed', 'The client did not read its answer in time.'),
  }),
  closing: tooLong,
  over: tooLong,
};
