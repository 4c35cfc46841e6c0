// The calls of lua/journal.lua, and what they answer. Every call is one atomic step; deciding is the
// script's. Calls reject as the store does.
import type { Redis } from 'ioredis';
import type { JournalConfig } from '../config/journal-schema.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { messageId, type Message, type PlacedMessage } from './message.ts';
import { placedMessages, readCell, type Cell } from './records.ts';

export interface JournalStoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: () => JournalConfig;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
  /** Tests break it on purpose. */
  readonly script?: AssembledScript | undefined;
}

export type Appended =
  | {
      readonly kind: 'appended';
      readonly added: number;
      readonly buffered: number;
      /** Whether a model is to be asked now. */
      readonly isDue: boolean;
      readonly messages: readonly { readonly id: string; readonly place: number }[];
    }
  /** The buffer, or the session, holds so many already. */
  | { readonly kind: 'full' | 'exhausted'; readonly held: number };

/** What a cut is decided on, and what it is only right for. */
export interface Snapshot {
  readonly kind: 'snapshot';
  readonly version: number;
  readonly fence: number;
  readonly failures: number;
  /** Place of its last message. */
  readonly last: number;
  readonly messages: readonly PlacedMessage[];
}

/** Of a cell that is made: what is said of it, and the ids of its messages. */
export interface NewCell {
  readonly about: Readonly<Record<string, unknown>>;
  readonly ids: readonly string[];
}

export interface BufferPage {
  readonly accepted: number;
  readonly buffered: number;
  readonly cells: number;
  /** Cell time in ms; undefined where no cut is due. */
  readonly cutDueAtMs: number | undefined;
  /** Times in a row that a model could not be asked, and why. */
  readonly failures: number;
  readonly why: string;
  readonly messages: readonly PlacedMessage[];
}

/** After which place or number, and how many at most. */
export interface Page {
  readonly after: number;
  readonly limit: number;
}

/** What `check` has counted. */
export interface Checked {
  readonly accepted: number;
  /** Ids that were accepted, in the buffer or a cell. */
  readonly there: number;
  /** Entries that repeat an id. */
  readonly doubled: number;
  /** Ids that nobody has accepted. */
  readonly strange: number;
}

interface Words {
  readonly fence?: number;
  readonly version?: number;
  readonly cell?: number;
  readonly after?: number;
  readonly most?: number;
  readonly why?: string;
  readonly list?: readonly string[];
}

type Reply = readonly [string, ...(Buffer | number)[]];

/** A session is named "tenant/digest" throughout. */
export class JournalStore {
  readonly #options: JournalStoreOptions;
  readonly #script: AssembledScript;
  readonly #keys: CellKeys;

  constructor(options: JournalStoreOptions) {
    this.#options = options;
    this.#script = options.script ?? loadScripts().journal;
    this.#keys = cellKeys(options.cell, options.keyStyle);
  }

  /** Durable as the store is when it resolves. Idempotent by the messages' ids. */
  async append(session: string, messages: readonly Message[]): Promise<Appended> {
    const ids = messages.map(messageId);
    const list = messages.flatMap((message, i) => [ids[i] ?? '', JSON.stringify(message)]);
    const [tag, first, ...rest] = await this.#call('append', session, { list });
    if (tag !== 'appended')
      return { kind: tag === 'full' ? 'full' : 'exhausted', held: Number(first) };
    const [buffered, isDue, ...places] = rest.map((word) => Number(String(word)));
    return {
      kind: 'appended',
      added: Number(first),
      buffered: buffered ?? 0,
      isDue: isDue === 1,
      messages: ids.map((id, i) => ({ id, place: places[i] ?? 0 })),
    };
  }

  /** `idle` where nobody is to be asked; `stale` for a fence that is not the latest. */
  async snapshot(
    session: string,
    fence: number,
  ): Promise<Snapshot | { readonly kind: 'idle' | 'stale' }> {
    const most = this.#options.config().boundary.mostMessages;
    const [tag, ...words] = await this.#call('snapshot', session, { fence, most });
    if (tag !== 'snapshot') return { kind: tag === 'stale' ? 'stale' : 'idle' };
    const [version, failures, last, ...flat] = words;
    const messages = placedMessages(flat, 'without places');
    return {
      kind: 'snapshot',
      version: Number(version),
      fence,
      failures: Number(failures),
      last: Number(last),
      messages,
    };
  }

  /** Moves exactly these messages; `stale` where the snapshot is not right any more: nothing moved. */
  async cut(
    session: string,
    { version, fence, last }: Omit<Snapshot, 'kind' | 'messages' | 'failures'>,
    cells: readonly NewCell[],
  ): Promise<{ readonly kind: 'cut'; readonly isDue: boolean } | { readonly kind: 'stale' }> {
    const list = cells.flatMap(({ about, ids }) => [
      JSON.stringify(about),
      String(ids.length),
      ...ids,
    ]);
    const words = { version, fence, after: last, list };
    const [tag, , , isDue] = await this.#call('cut', session, words);
    return tag === 'cut' ? { kind: 'cut', isDue: isDue === 1 } : { kind: 'stale' };
  }

  /** Nothing is cut; nobody is asked before enough has come anew. */
  async hold(session: string, { version, fence, last }: Snapshot): Promise<boolean> {
    const [tag, isDue] = await this.#call('hold', session, { version, fence, after: last });
    return tag === 'held' && isDue === 1;
  }

  /** Tried again after a growing delay, or `retryAfterMs` where that is longer. */
  async postpone(
    session: string,
    { version, fence }: Snapshot,
    { why, retryAfterMs = 0 }: { readonly why: string; readonly retryAfterMs?: number | undefined },
  ): Promise<
    { readonly kind: 'postponed'; readonly delayMs: number } | { readonly kind: 'stale' }
  > {
    const words = { version, fence, why, after: retryAfterMs };
    const [tag, delayMs] = await this.#call('postpone', session, words);
    return tag === 'postponed'
      ? { kind: 'postponed', delayMs: Number(delayMs) }
      : { kind: 'stale' };
  }

  /** One cell of all that is buffered; `cell` is 0 where nothing was. */
  async flush(session: string, about: NewCell['about']): Promise<{ moved: number; cell: number }> {
    const list = [JSON.stringify(about)];
    const [, moved, cell] = await this.#call('flush', session, { list });
    return { moved: Number(moved), cell: Number(cell) };
  }

  /** How many messages it had. */
  async delete(session: string): Promise<number> {
    const [, accepted] = await this.#call('delete', session);
    return Number(accepted);
  }

  async buffer(session: string, { after, limit }: Page): Promise<BufferPage> {
    const [, ...words] = await this.#call('read', session, { after, most: limit });
    const [accepted, buffered, cells, dueAt, failures, why, ...flat] = words;
    const dueAtMs = Number(String(dueAt));
    return {
      accepted: Number(accepted),
      buffered: Number(buffered),
      cells: Number(cells),
      cutDueAtMs: dueAtMs > 0 ? dueAtMs : undefined,
      failures: Number(failures),
      why: String(why),
      messages: placedMessages(flat),
    };
  }

  async cells(session: string, { after, limit }: Page): Promise<readonly Cell[]> {
    const [, , ...words] = await this.#call('cells', session, { after, most: limit });
    const cells: Cell[] = [];
    for (let i = 0; i + 1 < words.length; i += 2) {
      cells.push(readCell(Number(words[i]), String(words[i + 1])));
    }
    return cells;
  }

  async celled(
    session: string,
    cell: number,
    { after, limit }: Page,
  ): Promise<readonly PlacedMessage[]> {
    const [, ...flat] = await this.#call('celled', session, { cell, after, most: limit });
    return placedMessages(flat);
  }

  /** The last `most` messages, in their order, wherever they are now. */
  async history(session: string, most: number): Promise<readonly Message[]> {
    const [, ...flat] = await this.#call('history', session, { most });
    return placedMessages(flat)
      .map(({ message }) => message)
      .reverse();
  }

  async check(session: string): Promise<Checked> {
    const words = (await this.#call('check', session)).slice(1).map(Number);
    const [accepted = 0, there = 0, doubled = 0, strange = 0] = words;
    return { accepted, there, doubled, strange };
  }

  async #call(entry: string, session: string, words: Words = {}): Promise<Reply> {
    const { list = [], why = '' } = words;
    const args = [this.#head(words, list.length), session, why, ...list];
    const bound = bindKeys(this.#script, journalKeys(this.#keys, session));
    const reply = await callScript(this.#options.redis, this.#script, entry, bound, args);
    const [tag, ...rest] = reply as [Buffer, ...(Buffer | number)[]];
    return [tag.toString(), ...rest];
  }

  /** In the order of lua/journal/settings.lua. */
  #head(words: Words, length: number): Buffer {
    const { config, clock } = this.#options;
    const { boundary, retentionMs, maxBuffered, maxMessages, retryMs, retryMaxMs } = config();
    const { minMessages, everyMessages } = boundary;
    const { fence = 0, version = 0, cell = 0, after = 0, most = 0 } = words;
    // Without a route nobody can be asked, so nothing is ever due.
    const least = boundary.route === undefined ? Number.MAX_SAFE_INTEGER : minMessages;
    const bounds = [maxBuffered, maxMessages, claimMsOf(boundary), retryMs, retryMaxMs];
    const settings = [clock?.() ?? -1, retentionMs, least, everyMessages, ...bounds];
    const numbers = [...settings, length, fence, version, cell, after, most];
    const head = Buffer.alloc(8 * numbers.length);
    numbers.forEach((number, i) => head.writeDoubleLE(number, 8 * i));
    return head;
  }
}

/** Beyond it, whoever asks a model is taken for dead: its time, and as much for all around it. */
export function claimMsOf({ timeoutMs }: JournalConfig['boundary']): number {
  return 2 * timeoutMs;
}

/** What the script calls the keys of one session, and those of all. */
export function journalKeys(keys: CellKeys, session: string): Readonly<Record<string, string>> {
  const { head, ids, buffer, cells, celled } = keys.journal(session);
  return {
    journal_sessions: keys.journalSessions,
    journal_due: keys.journalDue,
    journal_head: head,
    journal_ids: ids,
    journal_buffer: buffer,
    journal_cells: cells,
    journal_celled: celled,
  };
}
