// What a place that alerts are sent to can do. It keeps nothing: what it has not taken is sent again
// by its caller.
import type { SendResult } from '../outbound/post.ts';
import type { Notice } from './alert.ts';

export interface Dispatch {
  readonly notice: Notice;
  /** Cell time in ms. */
  readonly nowMs: number;
}

export type { SendResult };

export interface Destination {
  /** Stable while it is configured; letters, digits, "-", "_" and "." only. */
  readonly id: string;
  /**
   * Whether it knows alerts by their labels alone: then it forgets one of which it hears nothing, and a
   * later episode says all that an earlier one would have said.
   */
  readonly remembersByLabels: boolean;
  /** Never rejects. */
  send(dispatch: Dispatch): Promise<SendResult>;
}
