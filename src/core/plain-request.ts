// What is known of a finished HTTP request that took no way through the gateway.

export type PlainPath = 'scheduler' | 'health' | 'metrics' | 'other';

export interface PlainRequest {
  /** What the answer's x-request-id would say: for correlation only. */
  readonly requestId: string;
  readonly method: string;
  readonly path: PlainPath;
  /** Status that the client saw; 499 when it left before the end. */
  readonly status: number;
  readonly totalMs: number;
}
