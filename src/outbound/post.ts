// One POST to a configured place: bounded in time, never redirected, its answer read no further than
// its status. What went wrong is told in words that hold neither an address nor a secret.
import { Agent } from 'undici';

export type SendResult =
  | { readonly kind: 'taken' }
  /** A few words without any secret; the same call may succeed later. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PosterOptions {
  readonly timeoutMs: number;
}

const MAX_ANSWER_BYTES = 64 * 1024;

export class Poster {
  readonly #timeoutMs: number;
  readonly #agent: Agent;
  readonly #closing = new AbortController();

  constructor({ timeoutMs }: PosterOptions) {
    this.#timeoutMs = timeoutMs;
    this.#agent = new Agent({ connectTimeout: timeoutMs, connections: 4 });
  }

  /** Any 2xx means taken. Never rejects. */
  async post({ url, headers, body }: Post): Promise<SendResult> {
    const { origin, pathname, search } = new URL(url);
    try {
      const answer = await this.#agent.request({
        origin,
        path: pathname + search,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'slotkeeper', ...headers },
        body,
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#timeoutMs)]),
      });
      // The status is known: an answer that then breaks off has been given all the same.
      await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
      const { statusCode } = answer;
      if (statusCode >= 200 && statusCode < 300) return { kind: 'taken' };
      return { kind: 'failed', reason: `it answers ${statusCode}` };
    } catch (error) {
      return { kind: 'failed', reason: wordsOf(error) };
    }
  }

  /** Idempotent. What is under way fails. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#agent.destroy();
  }
}

/** Never the error's own text: it may hold the address, and the address a token. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return 'it does not answer in time';
  if (error.name === 'AbortError') return 'the daemon stops';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return /^[A-Z_]{3,40}$/.test(code) ? `it cannot be reached (${code})` : 'it cannot be reached';
}
