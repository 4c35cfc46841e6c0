// A batch: many requests of one file, run as deferred jobs. Shapes alone; what happens to it is
// lua/batches.lua's and keeper.ts's.

export const BATCH_STATES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchState = (typeof BATCH_STATES)[number];

/** What was asked for; never changes. */
export interface BatchFacts {
  readonly inputFile: string;
  readonly endpoint: string;
  /** As it was written, such as `24h`. */
  readonly window: string;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How long its results are kept; undefined: as long as any file. */
  readonly keepMs?: number | undefined;
}

/** Times are cell time in ms. */
export interface Batch extends BatchFacts {
  readonly id: string;
  readonly tenant: string;
  readonly state: BatchState;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** When it entered a state, of those that it has been in. */
  readonly enteredAtMs: Readonly<Partial<Record<BatchState, number>>>;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  /** Lines that have been put into the queue. */
  readonly fed: number;
  /** Why it ends before all of its lines have run. */
  readonly ending: 'cancelled' | 'expired' | undefined;
  readonly errors: readonly LineError[];
  readonly outputFile: string | undefined;
  readonly errorFile: string | undefined;
}

/** Why a batch could not begin. */
export interface LineError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** From 1, as an editor counts; null where it is none of one line. */
  readonly line: number | null;
}

/** One line of a batch, to become a job. */
export interface BatchLine {
  /** Among the lines that are not blank, from 0. */
  readonly place: number;
  readonly customId: string;
  readonly model: string;
  /** The JSON text of the request's body. */
  readonly body: string;
}

export const BATCH_ID = /^batch_[\w-]{1,100}$/;

/** Paths whose answers are JSON, and need no file. */
export const BATCH_ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/moderations',
] as const;
