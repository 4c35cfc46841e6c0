// One request's estimates beside what it came to: what provenance keeps, drift compares and the
// canary replays. It holds no content of a request, only its digest and its sizes.

export const ESTIMATORS = ['v1', 'v2'] as const;
export type EstimatorName = (typeof ESTIMATORS)[number];

/** What a request was expected to use, or has used. Integers >= 0. */
export interface Figures {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** A part of the input tokens. */
  readonly cachedInputTokens: number;
  /** At the price of the target that served it; undefined where nothing is priced. */
  readonly costMicro: number | undefined;
}

/** Among `outOfScope`: `v2` knew no lengths of answers like this one yet, and took what `v1` does. */
export const UNLEARNED = 'unlearned';

/** What the estimators looked at, so that they can be run again without the request's content. */
export interface EstimateBasis {
  readonly characters: number;
  readonly attachments: number;
  readonly answers: number;
  /** Tokens that each answer might have by the caller's or the route's word. */
  readonly outputLimit: number | undefined;
  /**
   * Input tokens by the tokenizer, tools included; by a guess where `outOfScope` names `text`;
   * undefined where neither ran.
   */
  readonly countedTokens: number | undefined;
  /** What `v2` does not know exactly (images, audio, lengths, …), by name: docs/estimates.md. */
  readonly outOfScope: readonly string[];
}

export interface ProvenanceRecord {
  /** Unique: the slot's id of a live request, the input hash of a backfilled one. */
  readonly id: string;
  /** `live`: seen by a daemon; `baseline`: brought in later, mostly with `v1` alone. */
  readonly source: 'live' | 'baseline';
  /** SHA-256 in hex of the canonical request: its JSON with sorted keys. */
  readonly inputHash: string;
  readonly tenant: string;
  /** The model alias that was asked for. */
  readonly route: string;
  readonly pool: string;
  /** The upstream model that served it. */
  readonly model: string;
  /** Unix time in ms at which it was settled. */
  readonly atMs: number;
  /** Which version of each estimator spoke. */
  readonly versions: Readonly<Partial<Record<EstimatorName, string>>>;
  readonly reservedBy: EstimatorName;
  readonly v1: Figures;
  readonly v2: Figures | undefined;
  /** By the upstream's own count; undefined where it told none. */
  readonly actual: Figures | undefined;
  readonly basis: EstimateBasis | undefined;
}
