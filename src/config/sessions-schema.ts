// The options of `sessions`: where a request names its conversation, and how long the account that
// served it is preferred. Runs (costs-schema.ts) may read the same places; both work at once.
import { z } from 'zod';

/** Where a session's id may stand in a request. */
export const SESSION_SOURCES = [
  'header',
  'user',
  'prompt_cache_key',
  'metadata.session_id',
  'metadata.user_id',
] as const;

export type SessionSource = (typeof SESSION_SOURCES)[number];

export const sessionSources = z.array(z.enum(SESSION_SOURCES)).max(SESSION_SOURCES.length);

export const sessionsSchema = z
  .strictObject({
    from: sessionSources.default(['header']).meta({
      description:
        'Where a session is looked for, in this order: `header` (x-slotkeeper-session), or the ' +
        'fields `user`, `prompt_cache_key`, `metadata.session_id`, `metadata.user_id` of the ' +
        'body. An empty list: requests have none.',
    }),
    ttlMs: z.coerce.number().int().min(1000).max(604_800_000).default(3_600_000).meta({
      description: 'How long in ms a session stays with its account after its last request.',
      env: 'SLOTKEEPER_SESSION_TTL_MS',
    }),
    waitMs: z.coerce
      .number()
      .int()
      .min(0)
      .max(60_000)
      .default(0)
      .meta({
        description:
          'How long in ms a request may wait for its session’s account while another one is free; ' +
          '0 goes to the other at once.',
        env: 'SLOTKEEPER_SESSION_WAIT_MS',
      }),
    maxRemembered: z.coerce.number().int().min(1).max(10_000_000).default(100_000).meta({
      description: 'Sessions whose account is remembered, a generation; at most two are kept.',
      env: 'SLOTKEEPER_SESSION_MAX_REMEMBERED',
    }),
  })
  .prefault({});

/** For those who do not configure sessions: the library, tools. */
export const DEFAULT_SESSIONS = Object.freeze(sessionsSchema.parse({}));
