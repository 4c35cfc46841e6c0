// What a load run will do: how many requests, of what kind, and which of their clients leave early.
// The same seed plans the same requests, whatever happens to them.
import { integerBetween, seededRandom } from '../random.ts';
import type { Range } from '../behaviour.ts';

export interface LoadPlan {
  readonly requests: number;
  /** Callers that work at once, each with one request after the other. */
  readonly concurrency: number;
  readonly model: string;
  /** Share of the requests that ask for a stream. */
  readonly streamShare: number;
  /** Share of the requests whose client leaves before the end. */
  readonly abortShare: number;
  /** When such a client leaves; an answer that is complete by then counts as answered. */
  readonly abortAfterMs: Range;
  /** How often a request that found every slot taken is sent again; 0 for never. */
  readonly retries: number;
  readonly timeoutMs: number;
  /** Statuses that are no failure of the run. */
  readonly expected: readonly number[];
  readonly seed: number;
}

export interface PlannedRequest {
  readonly index: number;
  readonly stream: boolean;
  /** Undefined: the client stays. */
  readonly leavesAfterMs: number | undefined;
}

/** One after the other; several callers may draw from one iterator. */
export function* plannedRequests(plan: LoadPlan): Generator<PlannedRequest, void> {
  const random = seededRandom(plan.seed);
  const { min, max } = plan.abortAfterMs;
  for (let index = 0; index < plan.requests; index += 1) {
    // Three draws each, used or not, so that one option does not move what another one chooses.
    const stream = random() < plan.streamShare;
    const leaves = random() < plan.abortShare;
    const afterMs = integerBetween(random, min, max);
    yield { index, stream, leavesAfterMs: leaves ? afterMs : undefined };
  }
}
