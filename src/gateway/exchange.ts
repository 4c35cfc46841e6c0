// One request that is being served: both of its sides, what may break it off, and the facts that
// its `finished` event will tell. It decides nothing.
//
// It is broken off at most once, by whichever comes first: the client leaves, the lease is lost,
// or the daemon stops. Whoever works on the request at that time hears of it.
import { AppError } from '../core/errors.ts';
import type { Target } from '../core/domain.ts';
import type { EstimatorName } from '../core/estimates.ts';
import type { ChosenArm } from '../rollout/rollouts.ts';
import type { Run } from '../sessions/run-provider.ts';
import type { RateLimits } from '../scheduler/limits.ts';
import { BROKEN_OFF, type Verdict } from '../upstream/outcome.ts';
import type { Usage } from '../upstream/usage.ts';
import type { Spent } from './charge.ts';
import type { ProxyEndpoint } from './endpoints.ts';
import type { FailedAttempt, FinishedRequest } from './events.ts';
import type { KeptAnswer } from './kept-answer.ts';
import { requestIdOf } from './request-id.ts';
import type { Answering, Asking } from './sides.ts';

/** Works on an exchange for a while. */
export interface Worker {
  /** Called at most once, synchronously: the exchange is broken off, the work must stop. */
  broken(error: AppError): void;
}

/** How a request from inside of the daemon is admitted. */
export interface Inner {
  /** Id of its lease, unique in its tenant; by default the scheduler's own. */
  readonly leaseId?: string | undefined;
  /** Among those of its tenant that wait; by default its tenant's. */
  readonly priority?: number | undefined;
}

export class Exchange {
  readonly req: Asking;
  readonly endpoint: ProxyEndpoint;
  readonly requestId: string;
  readonly startedAtMs = performance.now();
  /** Of a request that no client has sent. */
  readonly inner: Inner | undefined;
  #client: Answering;
  #kept: KeptAnswer | undefined;

  /** Where it stands in the list of running ones; that list's own. */
  place = -1;
  /** Id of its slot: made here for this request alone. */
  slotId: string | undefined;

  /**
   * Who works on it now. An object, not a function: measured, a closure here keeps V8 from freeing
   * any request before a full collection.
   */
  worker: Worker | undefined;
  #broken: AppError | undefined;

  route: string | undefined;
  /** The conversation that it belongs to, in its caller's words, if any. */
  session: string | undefined;
  /** Whether it runs one at a time with others of its session. */
  lane = false;
  /** The run that it belongs to, if any. */
  run: Run | undefined;
  /** The provider that the run has from an earlier request. */
  runProvider: string | undefined;
  /** What stays the same for its conversation, else for itself: by it parts of all are told. */
  stableKey: string;
  /** The arms of rollouts that it is in; at its end also the one of the account that served it. */
  arms: readonly ChosenArm[] | undefined;
  costMicro: number | undefined;
  /** Where both estimators ran. */
  reservedBy: EstimatorName | undefined;
  pool: string | undefined;
  account: string | undefined;
  /** Of the account that was tried last: what its callers see of it. */
  accountLabel: string | undefined;
  attempts = 0;
  /** On the last attempt, once it has ended. */
  verdict: Verdict = BROKEN_OFF;
  /** Attempts that were followed by another one elsewhere. */
  readonly failed: FailedAttempt[] = [];
  readonly spent: Spent[] = [];
  /** What its client asked for, and whether its answer is a stream of events. */
  wantsStream = false;
  stream = false;
  /** What is left of its tenant's rates, once that is decided. */
  limits: RateLimits | undefined;
  usage: Usage | undefined;
  /** Whether the upstream began a good answer (2xx), and how many bytes of its body came. */
  isAnswered = false;
  answerBytes = 0;
  /** When the client's body had arrived; waiting for it is not overhead. */
  receivedAtMs = 0;
  queueMs = 0;
  /** How long it may wait for slots, all in all. */
  patienceMs = 0;
  /** Of earlier attempts, together. */
  #failedMs = 0;
  /** When the upstream call began, its head, its first byte of body, and its end came. */
  calledAtMs: number | undefined;
  answeredAtMs: number | undefined;
  firstByteAtMs: number | undefined;
  endedAtMs: number | undefined;

  constructor(req: Asking, res: Answering, endpoint: ProxyEndpoint, inner?: Inner) {
    this.req = req;
    this.#client = res;
    this.endpoint = endpoint;
    this.inner = inner;
    this.requestId = requestIdOf(req);
    this.stableKey = this.requestId;
    res.once('close', () => {
      if (!res.writableFinished) this.break(new AppError('client_closed', 'The client left.'));
    });
  }

  /** Where its answer goes now. */
  get res(): Answering {
    return this.#kept ?? this.#client;
  }

  /** What its client sees goes through another side from here on. */
  answerThrough(side: (client: Answering) => Answering): void {
    this.#client = side(this.#client);
  }

  /** Its client sees nothing from here on, until whoever keeps the answer lets it through. */
  keepAnswer(kept: KeptAnswer): void {
    this.#kept = kept;
  }

  /** Its client, who has seen nothing so far. */
  endKeeping(): Answering {
    this.#kept = undefined;
    return this.#client;
  }

  /** Whether its answer is kept: what came of it can be taken back. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Why it was broken off, if it was. */
  get broken(): AppError | undefined {
    return this.#broken;
  }

  break(error: AppError): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.worker?.broken(error);
  }

  /** Throws when the exchange was broken off while nobody listened. */
  throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** All facts about an answer are the new attempt's from here on. */
  beginAttempt(accountLabel: string): void {
    this.attempts += 1;
    if (this.#kept !== undefined) {
      this.#kept.takeBack();
      this.stream = false;
    }
    this.accountLabel = accountLabel;
    this.verdict = BROKEN_OFF;
    this.usage = undefined;
    this.isAnswered = false;
    this.answerBytes = 0;
    this.calledAtMs = performance.now();
    this.answeredAtMs = undefined;
    this.firstByteAtMs = undefined;
    this.endedAtMs = undefined;
  }

  /** The attempt that has ended is followed by another one. */
  noteFailover(target: Target): void {
    const { account = '', verdict, usage, calledAtMs = 0, endedAtMs = calledAtMs } = this;
    const { outcome, sign } = verdict;
    this.failed.push({ pool: target.pool, account, outcome, sign });
    this.#failedMs += endedAtMs - calledAtMs;
    if (usage !== undefined) this.spent.push({ target, usage });
  }

  /** Time in ms that the daemon has added until now. */
  overheadMs(nowMs: number): number {
    const from = this.receivedAtMs === 0 ? this.startedAtMs : this.receivedAtMs;
    const until = this.calledAtMs ?? nowMs;
    const after = this.answeredAtMs === undefined ? 0 : nowMs - this.answeredAtMs;
    return Math.max(0, until - from - this.queueMs - this.#failedMs + after);
  }

  /** The facts, once it is over. */
  summary(status: number, error: AppError | undefined): FinishedRequest {
    const { calledAtMs, firstByteAtMs } = this;
    const nowMs = performance.now();
    return {
      requestId: this.requestId,
      path: this.endpoint.name,
      route: this.route,
      status,
      reason: error?.code,
      error,
      outcome: this.slotId === undefined ? undefined : this.verdict.outcome,
      sign: this.verdict.sign,
      pool: this.pool,
      account: this.account,
      attempts: this.attempts,
      failed: this.failed,
      stream: this.stream,
      usage: this.usage,
      arms: this.arms,
      costMicro: this.costMicro,
      reservedBy: this.reservedBy,
      totalMs: nowMs - this.startedAtMs,
      queueMs: this.queueMs,
      overheadMs: this.overheadMs(this.answeredAtMs ?? nowMs),
      upstreamMs: calledAtMs === undefined ? undefined : (this.endedAtMs ?? nowMs) - calledAtMs,
      ttfbMs:
        calledAtMs === undefined || firstByteAtMs === undefined
          ? undefined
          : firstByteAtMs - calledAtMs,
    };
  }
}
