// Both estimators over one request: which of them reserves, what the second one needs to know, and,
// once the request is over, its provenance. It neither reserves nor settles: charge.ts does.
import type { EstimatesConfig } from '../config/estimates-schema.ts';
import type { TargetConfig } from '../config/schema.ts';
import type { Target } from '../core/domain.ts';
import {
  UNLEARNED,
  type EstimateBasis,
  type EstimatorName,
  type Figures,
} from '../core/estimates.ts';
import { estimateV2, NOTHING_LEARNED, type Learned } from '../costs/estimate-v2.ts';
import { guessTokens } from '../costs/guess.ts';
import { hashOfBytes, inputHashOf } from '../costs/input-hash.ts';
import type { Lengths } from '../costs/lengths.ts';
import type { Price } from '../costs/price.ts';
import { TOKENS_PER_ATTACHMENT, type Size } from '../costs/estimate.ts';
import type { Counted, TokenCounter } from '../costs/token-counter.ts';

/** What lives longer than one configuration. */
export interface EstimatorParts {
  readonly tokens: Pick<TokenCounter, 'count'>;
  readonly lengths: Pick<Lengths, 'find' | 'note'>;
  /** Which one a rollout chooses; undefined where none does. */
  readonly estimatorFor?: (stableKey: string, route: string) => EstimatorName | undefined;
  /** Whether `v2` is out of service, as far as the last tick knew. */
  readonly isV2Disabled?: () => boolean;
}

export interface EstimatorRules extends EstimatorParts {
  readonly config: EstimatesConfig;
}

/** Why tokens were guessed. */
export type GuessReason = 'late' | 'failed' | 'full';

/** The request as the estimators see it. */
export interface ToEstimate {
  readonly tenant: string;
  readonly route: string;
  readonly size: Size;
  readonly targets: readonly TargetConfig[];
  readonly body: Buffer;
  readonly isJson: boolean;
  readonly isChat: boolean;
  /** Told once at most. */
  readonly onGuess: (reason: GuessReason) => void;
}

/** Larger bodies are not read a second time on the event loop. */
const MAX_READ_AGAIN_BYTES = 65_536;

/** Which one is to reserve; undefined where `v1` does alone, and nothing is to be known of `v2`. */
export function chosenEstimator(
  stableKey: string,
  route: string,
  rules: EstimatorRules | undefined,
): EstimatorName | undefined {
  if (rules === undefined) return undefined;
  const { estimator, trial } = rules.config;
  const rolled = rules.estimatorFor?.(stableKey, route);
  const wanted = rolled ?? estimator;
  if (wanted === 'v2') return rules.isV2Disabled?.() === true ? 'v1' : 'v2';
  return trial || rolled !== undefined ? 'v1' : undefined;
}

type Input = Pick<EstimateBasis, 'countedTokens' | 'outOfScope'>;

export class Estimating {
  readonly reservedBy: EstimatorName;
  readonly size: Size;
  readonly #request: ToEstimate;
  readonly #rules: EstimatorRules;
  readonly #counting: Promise<Counted>;
  /** As it was before the request was answered; by target. */
  readonly #learned: ReadonlyMap<string, Learned>;
  #input: Input | undefined;

  /** Begins to count at once. */
  constructor(request: ToEstimate, reservedBy: EstimatorName, rules: EstimatorRules) {
    this.#request = request;
    this.size = request.size;
    this.reservedBy = reservedBy;
    this.#rules = rules;
    const { targets, body, isJson, isChat, tenant, route } = request;
    const [{ model } = { model: '' }] = targets;
    this.#counting = rules.tokens.count({ body, isJson, isChat, model });
    const learned = targets.map((target) => {
      return [nameOf(target), rules.lengths.find({ tenant, route, model: target.model })] as const;
    });
    this.#learned = new Map(learned);
  }

  /** Resolves when `v2` can answer: its tokens are counted, or its time is over. Never rejects. */
  async ready(): Promise<void> {
    const { tokenizerWaitMs } = this.#rules.config;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), tokenizerWaitMs);
    });
    const counted = await Promise.race([this.#counting, late]);
    clearTimeout(timer);
    this.#input ??= counted === 'late' ? this.#guessed('late') : this.#inputOf(counted);
  }

  /** By `v2`, once it is ready. */
  figuresAt(target: TargetConfig, about: AtTarget): Figures {
    return estimateV2(this.basisAt(target, about.outputLimit), this.#learnedAt(target), about);
  }

  basisAt(target: TargetConfig, outputLimit: number | undefined): EstimateBasis {
    const { characters, attachments, answers } = this.#request.size;
    const { countedTokens, outOfScope: ofInput = [] } = this.#input ?? {};
    const isUnlearned = answers > 0 && this.#learnedAt(target).outputTokens === undefined;
    const outOfScope = isUnlearned ? [...ofInput, UNLEARNED] : ofInput;
    return { characters, attachments, answers, outputLimit, countedTokens, outOfScope };
  }

  #learnedAt(target: TargetConfig): Learned {
    return this.#learned.get(nameOf(target)) ?? NOTHING_LEARNED;
  }

  /** Resolves to the request's digest when its tokens are known, however late. Never rejects. */
  async finished(): Promise<string> {
    const counted = await this.#counting;
    this.#input ??= this.#inputOf(counted);
    return counted.kind === 'counted' ? counted.inputHash : this.#hash();
  }

  /** What it came to is learned from. */
  learn(target: Target, actual: Figures): void {
    const { tenant, route, size } = this.#request;
    const { inputTokens, cachedInputTokens, outputTokens } = actual;
    const each = size.answers > 0 ? outputTokens / size.answers : undefined;
    const seen = { inputTokens, cachedInputTokens, outputTokens: each };
    this.#rules.lengths.note({ tenant, route, model: target.model }, seen);
  }

  #inputOf(counted: Counted): Input {
    if (counted.kind !== 'counted') return this.#guessed(counted.kind);
    const { tokens, outOfScope } = counted;
    // JSON that the thread could not count; a form has nothing to count.
    if (tokens === undefined && this.#request.isJson) return this.#guessed('failed');
    return { countedTokens: tokens, outOfScope };
  }

  #guessed(reason: GuessReason): Input {
    const { body, size, onGuess } = this.#request;
    onGuess(reason);
    const ofTexts = guessTokens(body, size.characters);
    const countedTokens = ofTexts + size.attachments * TOKENS_PER_ATTACHMENT;
    return { countedTokens, outOfScope: ['text'] };
  }

  #hash(): string {
    const { body, isJson } = this.#request;
    if (!isJson || body.length > MAX_READ_AGAIN_BYTES) return hashOfBytes(body);
    return inputHashOf(JSON.parse(body.toString('utf8')) as Readonly<Record<string, unknown>>);
  }
}

export interface AtTarget {
  /** Of an answer, by the caller or the target. */
  readonly outputLimit: number | undefined;
  readonly price: Price | undefined;
  readonly defaultOutputTokens: number;
}

function nameOf({ pool, model }: Target): string {
  return `${pool}/${model}`;
}
