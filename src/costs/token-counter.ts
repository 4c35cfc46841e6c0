// Counting the tokens of requests in a thread of its own: started at the first request that needs
// it, ended with the daemon, started anew when it dies or hangs. What it cannot count in time its
// caller guesses; it keeps no text longer than its count takes.
//
// States: idle (no thread) → running (at the first count) → idle (it died or hung; not started again
// for a second) → stopped. Final.
import { Worker } from 'node:worker_threads';
import type { Service } from '../core/service.ts';
import type { Job, JobResult } from './token-worker.ts';

export type Counted =
  | ({ readonly kind: 'counted' } & Omit<JobResult, 'id'>)
  /** The thread died, hung, or could not be started. */
  | { readonly kind: 'failed' }
  /** Too much is waiting. */
  | { readonly kind: 'full' };

export interface ToCount extends Omit<Job, 'id' | 'body' | 'exactCharacters'> {
  readonly body: Uint8Array;
}

export interface TokenCounterOptions {
  /** Read at each count. */
  readonly limits: () => {
    readonly tokenizerQueueBytes: number;
    readonly exactCharacters: number;
  };
  /** The thread has died; it is started anew when it is needed. */
  readonly onFailed?: (error: unknown) => void;
  /** The thread's program, for tests of threads that break. */
  readonly program?: URL;
}

interface Waiting {
  readonly bytes: number;
  readonly sinceMs: number;
  readonly resolve: (counted: Counted) => void;
}

const RESTART_MS = 1000;
/** Longer than the largest body takes by far. */
const HUNG_MS = 10_000;

export class TokenCounter implements Service {
  readonly #options: TokenCounterOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #bytes = 0;
  #serial = 0;
  #endedAtMs = -Infinity;
  #isStopped = false;

  constructor(options: TokenCounterOptions) {
    this.#options = options;
  }

  /** Starts the thread ahead of the first request, and does not wait for it. */
  start(): Promise<void> {
    const body = Buffer.from('{"prompt":"Hello"}');
    void this.count({ body, isJson: true, isChat: false, model: '' });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#end();
  }

  /** Never rejects. The body is copied: its caller sends it on meanwhile. */
  count({ body, isJson, isChat, model }: ToCount): Promise<Counted> {
    const { tokenizerQueueBytes, exactCharacters } = this.#options.limits();
    if (this.#isHung()) void this.#end();
    if (this.#bytes > 0 && this.#bytes + body.length > tokenizerQueueBytes) {
      return Promise.resolve({ kind: 'full' });
    }
    const worker = this.#running();
    if (worker === undefined) return Promise.resolve({ kind: 'failed' });
    return new Promise((resolve) => {
      const id = (this.#serial += 1);
      const bytes = body.length;
      this.#waiting.set(id, { bytes, sinceMs: performance.now(), resolve });
      this.#bytes += bytes;
      const copy = new Uint8Array(body);
      const job: Job = { id, body: copy, isJson, isChat, model, exactCharacters };
      worker.postMessage(job, [copy.buffer]);
    });
  }

  #running(): Worker | undefined {
    if (this.#worker !== undefined || this.#isStopped) return this.#worker;
    if (performance.now() - this.#endedAtMs < RESTART_MS) return undefined;
    const { program = PROGRAM } = this.#options;
    const worker = startWorker(program);
    worker.unref();
    worker.on('message', (result: JobResult) => this.#finished(result));
    const gone = (): void => {
      if (this.#worker === worker) void this.#end();
    };
    worker.on('error', (error) => this.#options.onFailed?.(error)).on('exit', gone);
    return (this.#worker = worker);
  }

  #finished({ id, ...result }: JobResult): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#bytes -= waiting.bytes;
    waiting.resolve({ kind: 'counted', ...result });
  }

  /** They are counted in their order: the first has waited longest. */
  #isHung(): boolean {
    const [first] = this.#waiting.values();
    return first !== undefined && performance.now() - first.sinceMs > HUNG_MS;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#endedAtMs = performance.now();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#bytes = 0;
    for (const { resolve } of waiting) resolve({ kind: 'failed' });
    await worker?.terminate();
  }
}

/** Beside this file, built or not. */
const PROGRAM = new URL(
  import.meta.url.endsWith('.ts') ? './token-worker.ts' : './token-worker.js',
  import.meta.url,
);

/** What is not built needs tsx, which does not reach threads by itself. */
function startWorker(program: URL): Worker {
  const options = { name: 'tokens', env: {} };
  if (!program.pathname.endsWith('.ts')) return new Worker(program, options);
  const href = JSON.stringify(program.href);
  const source = `import('tsx/esm/api').then((tsx) => (tsx.register(), import(${href})));`;
  return new Worker(source, { ...options, eval: true });
}
