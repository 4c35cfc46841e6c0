// The wire forms of a session's journal: what its callers may write, and what they read. The router
// validates with these schemas.
import { z } from 'zod';
import { ROLES, type PlacedMessage } from '../../journal/message.ts';
import type { Cell } from '../../journal/records.ts';
import type { BufferPage } from '../../journal/store.ts';

const MAX_SENDER_LENGTH = 256;
/** The last time that a Date can be. */
const MAX_TIME_MS = 8.64e15;
const MAX_PARTS = 100;
const MAX_PAGE = 500;
const PAGE = 100;

export const messageSchema = z.strictObject({
  sender_id: z.string().min(1).max(MAX_SENDER_LENGTH),
  role: z.enum(ROLES),
  timestamp: z.union([
    z.int().min(0).max(MAX_TIME_MS),
    z.iso.datetime({ offset: true, error: 'give ms since 1970, or a date and time by RFC 3339' }),
  ]),
  content: z.union([z.string(), z.array(z.record(z.string(), z.unknown())).min(1).max(MAX_PARTS)]),
});

/** `most`: messages of one call. */
export function appendSchema(most: number) {
  return z.strictObject({ messages: z.array(messageSchema).min(1).max(most) });
}

const place = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const pageSchema = z.strictObject({
  after: place.default(0),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
});

export const cellPath = z.object({ number: place.min(1) });

export type Page = z.infer<typeof pageSchema>;

export function messageList(messages: readonly PlacedMessage[], { limit, after }: Page) {
  return {
    data: messages.map(({ id, place: sequence, message }) => ({ id, sequence, ...message })),
    has_more: messages.length === limit,
    next_after: messages.at(-1)?.place ?? after,
  };
}

export function bufferBody(found: BufferPage, page: Page) {
  const { accepted, buffered, cells, cutDueAtMs, failures, why, messages } = found;
  const cut = {
    due_at: cutDueAtMs === undefined ? null : new Date(cutDueAtMs).toISOString(),
    failures,
    reason: why === '' ? null : why,
  };
  return { object: 'list', accepted, buffered, cells, cut, ...messageList(messages, page) };
}

export function cellList(cells: readonly Cell[], { limit, after }: Page) {
  return {
    object: 'list',
    data: cells.map(({ number, messages, atMs, by, reasoning, episode }) => ({
      number,
      messages,
      created_at: new Date(atMs).toISOString(),
      by: by ?? null,
      reasoning: reasoning ?? null,
      episode: episode ?? null,
    })),
    has_more: cells.length === limit,
    next_after: cells.at(-1)?.number ?? after,
  };
}
