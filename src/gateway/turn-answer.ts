// A client's side that listens to what goes through it: the text of a good answer is told once it is
// whole, and the client sees the end only after that. So whoever has an answer finds it in the history.
import type { Answering } from './sides.ts';

/** A longer answer goes through, and is not told. */
const MAX_BYTES = 1024 * 1024;

export class TurnAnswer implements Answering {
  readonly #client: Answering;
  readonly #tell: (content: string) => Promise<void>;
  #status = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** `tell` never rejects. */
  constructor(client: Answering, tell: (content: string) => Promise<void>) {
    this.#client = client;
    this.#tell = tell;
  }

  get headersSent(): boolean {
    return this.#client.headersSent;
  }

  get writableFinished(): boolean {
    return this.#client.writableFinished;
  }

  get writableNeedDrain(): boolean {
    return this.#client.writableNeedDrain;
  }

  writeHead(status: number, headers: string[]): void {
    this.#status = status;
    this.#client.writeHead(status, headers);
  }

  write(chunk: Buffer | string): boolean {
    const bytes = Buffer.from(chunk);
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_BYTES) this.#chunks.push(bytes);
    else this.#chunks = [];
    return this.#client.write(chunk);
  }

  end(): void {
    const isGood = this.#status < 300 && this.#bytes <= MAX_BYTES;
    const content = isGood ? answerText(Buffer.concat(this.#chunks).toString()) : '';
    if (content === '') this.#client.end();
    else void this.#tell(content).finally(() => this.#client.end());
  }

  destroy(): void {
    this.#client.destroy();
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    this.#client.once(event, listener);
  }

  setTimeout(ms: number, onDue: () => void): void {
    this.#client.setTimeout(ms, onDue);
  }
}

interface Choice {
  readonly index?: number;
  readonly message?: { readonly content?: unknown };
  readonly delta?: { readonly content?: unknown };
}

/** Of a chat completion, whole or as events: its first choice. Empty where it says nothing. */
export function answerText(body: string): string {
  const whole = choicesIn(body);
  if (whole !== undefined) return textOf(whole.at(0)?.message?.content);
  const events = body.split('\n').filter((line) => line.startsWith('data:'));
  const deltas = events.flatMap((line) => choicesIn(line.slice('data:'.length)) ?? []);
  const first = deltas.filter(({ index = 0 }) => index === 0);
  return first.map(({ delta }) => textOf(delta?.content)).join('');
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : '';
}

function choicesIn(text: string): readonly Choice[] | undefined {
  try {
    const { choices } = JSON.parse(text) as { readonly choices?: unknown };
    return Array.isArray(choices) ? (choices as readonly Choice[]) : undefined;
  } catch {
    return undefined;
  }
}
