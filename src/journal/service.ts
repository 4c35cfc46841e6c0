// The journal as others use it: append, read, flush and delete, by a tenant and what it calls its
// session. Off, it does not exist. It knows no HTTP and asks no model itself.
import type { Redis } from 'ioredis';
import type { JournalConfig } from '../config/journal-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { sessionDigest } from '../scheduler/session-key.ts';
import type { AskModel } from './ask.ts';
import { Cutter } from './cutter.ts';
import type { CuttingParts } from './cutting.ts';
import { JournalEmitter } from './events.ts';
import type { Message, PlacedMessage } from './message.ts';
import type { Cell } from './records.ts';
import { readStanding, type Standing } from './standing.ts';
import { JournalStore, type Appended, type BufferPage, type Page } from './store.ts';
import type { AssembledScript } from '../redis/assemble.ts';

export interface JournalOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** As in force. */
  readonly config: () => JournalConfig;
  readonly scheduler: CuttingParts['scheduler'];
  readonly ask: AskModel;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
  /** Tests break it on purpose. */
  readonly script?: AssembledScript | undefined;
}

/** A conversation as its caller names it. */
export interface SessionRef {
  readonly tenant: string;
  readonly session: string;
}

type Taken = Extract<Appended, { readonly kind: 'appended' }>;

/** A full buffer is waited for, not sent again at once. */
const FULL_RETRY_MS = 5000;

export class Journal implements Service {
  readonly events = new JournalEmitter();
  readonly cutter: Cutter;
  readonly #store: JournalStore;
  readonly #options: JournalOptions;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#store = new JournalStore(options);
    this.cutter = new Cutter({ ...options, store: this.#store, events: this.events });
  }

  start(): Promise<void> {
    return this.cutter.start();
  }

  stop(): Promise<void> {
    return this.cutter.stop();
  }

  /**
   * Durable when it resolves; a repeat adds nothing. It never waits for a model. Rejects with
   * `journal_full`, `journal_exhausted`, `store_unavailable`, or `invalid_params` for the session.
   */
  async append(ref: SessionRef, messages: readonly Message[]): Promise<Taken> {
    const name = nameOf(ref);
    const done = await served(this.#store.append(name, messages));
    if (done.kind !== 'appended') throw refusalOf(done);
    this.events.emit('appended', { added: done.added, known: messages.length - done.added });
    if (done.isDue) this.cutter.try(name);
    return done;
  }

  buffer(ref: SessionRef, page: Page): Promise<BufferPage> {
    return served(this.#store.buffer(nameOf(ref), page));
  }

  cells(ref: SessionRef, page: Page): Promise<readonly Cell[]> {
    return served(this.#store.cells(nameOf(ref), page));
  }

  celled(ref: SessionRef, cell: number, page: Page): Promise<readonly PlacedMessage[]> {
    return served(this.#store.celled(nameOf(ref), cell, page));
  }

  /** The latest messages, in their order: as many as are configured. */
  history(ref: SessionRef): Promise<readonly Message[]> {
    return served(this.#store.history(nameOf(ref), this.#options.config().historyMessages));
  }

  /** One cell of all that is buffered, at once. */
  async flush(ref: SessionRef): Promise<{ readonly moved: number; readonly cell: number }> {
    const done = await served(this.#store.flush(nameOf(ref), { by: 'flush' }));
    if (done.moved > 0) this.events.emit('cut', { by: 'flush', cells: 1, messages: done.moved });
    return done;
  }

  /** Of all sessions of the cell. */
  standing(): Promise<Standing> {
    return readStanding(this.#options);
  }

  /** How many messages it had. */
  delete(ref: SessionRef): Promise<number> {
    return served(this.#store.delete(nameOf(ref)));
  }
}

/** In the store: the tenant, and a digest of the caller's words. */
export function nameOf({ tenant, session }: SessionRef): string {
  return `${tenant}/${sessionDigest(session)}`;
}

async function served<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw new AppError('store_unavailable', 'The store does not answer; try again.', { cause });
  }
}

function refusalOf({ kind, held }: Exclude<Appended, Taken>): AppError {
  return kind === 'full'
    ? new AppError('journal_full', `The buffer holds ${held} messages; flush it, or try again.`, {
        retryAfterMs: FULL_RETRY_MS,
      })
    : new AppError(
        'journal_exhausted',
        `The session holds ${held} messages, and no more; delete it, or begin another one.`,
      );
}
