// A message of a session's journal: its shape, and its id, which is made of what it says. The same told
// twice is one message; the same text of another time or sender is another one. It keeps nothing.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical.ts';

export const ROLES = ['system', 'user', 'assistant'] as const;

/** As callers write it, and as it is stored. */
export interface Message {
  readonly sender_id: string;
  readonly role: (typeof ROLES)[number];
  /** Ms since 1970, or a date by RFC 3339; kept as it was given. */
  readonly timestamp: number | string;
  /** A text, or parts as chat requests have them. */
  readonly content: string | readonly Readonly<Record<string, unknown>>[];
}

/** In its place: a number that rises in the buffer and over cells, or a place from 1 in its cell. */
export interface PlacedMessage {
  readonly id: string;
  readonly place: number;
  readonly message: Message;
}

/** 22 characters: 128 bits, so that nobody finds two messages of one id. */
const ID_BYTES = 16;

/** Deterministic: of sender, role, timestamp and content, whatever the order of their fields. */
export function messageId({ sender_id, role, timestamp, content }: Message): string {
  const text = canonicalJson([sender_id, role, timestamp, content]);
  return createHash('sha256').update(text).digest().toString('base64url', 0, ID_BYTES);
}

/** For people and models; parts that are no text are named by their type. */
export function textOf({ content }: Pick<Message, 'content'>): string {
  if (typeof content === 'string') return content;
  return content
    .map(({ type, text }) => (typeof text === 'string' ? text : `[${nameOf(type)}]`))
    .join(' ');
}

/** Callers write what they like: not every object can be made a text. */
function nameOf(type: unknown): string {
  return typeof type === 'string' ? type : 'part';
}
