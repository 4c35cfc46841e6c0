// What the heart decided for waiters of this daemon: decoding it, and the channel on which other
// daemons' ticks tell it. A lost message costs a waiter one interval of asking again.
import type { Redis } from 'ioredis';
import type { Service } from '../core/service.ts';
import { ANSWER_SIZE, decodeAnswer } from './replies.ts';
import type { Answer } from './replies.ts';
import { LIMITS_SIZE, decodeLimits } from './limits.ts';

/** One waiter's answer: granted or denied. */
export interface Notice {
  /** "tenant/id". */
  readonly id: string;
  readonly answer: Answer;
}

/** What one tick of another daemon has decided, and which one of the cell's ticks that was. */
export interface Message {
  readonly incarnation: number;
  readonly sequence: number;
  readonly notices: readonly Notice[];
}

const CLAIM_SIZE = 4;
const PAIR_SIZE = 16;

/** Length of the id, the id, an answer, the tenant's rates, claim ms; one after the other. */
export function decodeNotices(raw: Buffer): Notice[] {
  const notices: Notice[] = [];
  for (let at = 0; at < raw.length;) {
    const from = at + 1;
    const to = from + raw.readUInt8(at);
    const limitsAt = to + ANSWER_SIZE;
    const claimAt = limitsAt + LIMITS_SIZE;
    const answer = {
      ...decodeAnswer(raw.subarray(to, limitsAt), 0),
      limits: decodeLimits(raw.subarray(limitsAt, claimAt)),
      claimMs: raw.readUInt32LE(claimAt),
    };
    notices.push({ id: raw.toString('latin1', from, to), answer });
    at = claimAt + CLAIM_SIZE;
  }
  return notices;
}

/** The pair of the cell, then notices. */
export function decodeMessage(raw: Buffer): Message {
  return {
    incarnation: raw.readDoubleLE(0),
    sequence: raw.readDoubleLE(8),
    notices: decodeNotices(raw.subarray(PAIR_SIZE)),
  };
}

export interface NoticeChannelOptions {
  readonly redis: Redis;
  /** Carries the cell's hash tag, so that a sharded message stays with the cell's node. */
  readonly channel: string;
  readonly onMessage: (message: Message) => void;
  /** The subscription stands (again): messages may have been lost before. */
  readonly onOpen: () => void;
}

/** A connection of its own that listens for this daemon's notices (sharded pub/sub). */
export class NoticeChannel implements Service {
  readonly #options: NoticeChannelOptions;
  #connection: Redis | undefined;

  constructor(options: NoticeChannelOptions) {
    this.#options = options;
  }

  /** Resolves at once: a store that is away is listened to when it is back. */
  start(): Promise<void> {
    const { redis, channel, onMessage } = this.#options;
    const connection = redis.duplicate({ autoResubscribe: false, maxRetriesPerRequest: null });
    this.#connection = connection;
    connection.on('error', () => undefined);
    connection.on('ready', () => void this.#subscribe(connection));
    // What ioredis makes of the message that a node sends when a channel's slot leaves it.
    connection.on('moved', () => void this.#subscribe(connection));
    connection.on('smessageBuffer', (name: Buffer, message: Buffer) => {
      if (name.toString('latin1') === channel) onMessage(decodeMessage(message));
    });
    if (connection.status === 'ready') void this.#subscribe(connection);
    else if (connection.status === 'wait') connection.connect().catch(() => undefined);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.disconnect();
    return Promise.resolve();
  }

  /** A subscription that fails is taken again with the next connection; asking covers the time. */
  async #subscribe(connection: Redis): Promise<void> {
    if (this.#connection !== connection) return;
    try {
      await connection.ssubscribe(this.#options.channel);
      if (this.#connection === connection) this.#options.onOpen();
    } catch {
      // The connection broke: `ready` comes again.
    }
  }
}
