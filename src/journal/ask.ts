// What the journal wants of whoever can ask a model for it: a tenant's chat request, answered whole. How
// that gets a slot, and who pays, is not known here.

export interface Question {
  readonly tenant: string;
  /** The JSON of a chat completion request. */
  readonly body: string;
}

export type ModelAnswer =
  /** `body`: the JSON of a chat completion. */
  | { readonly kind: 'answered'; readonly body: string }
  /** `error`: the name for the reason, such as `ConnectRefused` or `pool_full`. */
  | {
      readonly kind: 'failed';
      readonly error: string;
      readonly retryAfterMs?: number | undefined;
    };

/** An abort by `signal` ends as `failed`. What it throws counts as failed, too. */
export type AskModel = (question: Question, signal: AbortSignal) => Promise<ModelAnswer>;
