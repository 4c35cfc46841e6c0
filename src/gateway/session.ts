// The session of a request: the conversation that it belongs to, where its caller names one. What it
// leads to (the same account, a lane) is the heart's matter; its run is run.ts's.
import type { IncomingHttpHeaders } from 'node:http';
import type { SessionSource } from '../config/sessions-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Destination } from './destination.ts';

/** What of a body may hold a session's id, where it is a text. */
export type BodySessions = Readonly<Partial<Record<SessionSource, string>>>;

/** The texts of a body that may name a session. */
export function sessionsIn(fields: Readonly<Record<string, unknown>>): BodySessions {
  const { user, prompt_cache_key: cacheKey, metadata } = fields;
  const found: Partial<Record<keyof BodySessions, string>> = {};
  if (typeof user === 'string') found.user = user;
  if (typeof cacheKey === 'string') found.prompt_cache_key = cacheKey;
  if (typeof metadata !== 'object' || metadata === null) return found;
  const { session_id: session, user_id: id } = metadata as Readonly<Record<string, unknown>>;
  if (typeof session === 'string') found['metadata.session_id'] = session;
  if (typeof id === 'string') found['metadata.user_id'] = id;
  return found;
}

/** What stands at one place. */
export function sessionAt(
  source: SessionSource,
  headers: IncomingHttpHeaders,
  sessions: BodySessions,
): string | undefined {
  if (source !== 'header') return sessions[source];
  const header = headers['x-slotkeeper-session'];
  return Array.isArray(header) ? header.join() : header;
}

/** The first that is named; an empty name is none. */
export function sessionOf(
  headers: IncomingHttpHeaders,
  sessions: BodySessions,
  from: readonly SessionSource[],
): string | undefined {
  for (const source of from) {
    const session = sessionAt(source, headers, sessions);
    if (session !== undefined && session !== '') return session;
  }
  return undefined;
}

/**
 * Whether the request runs one at a time with others of its session: where its route says so, or its
 * caller. Throws `invalid_params` for a caller that asks for the lane of no session.
 */
export function laneOf(
  headers: IncomingHttpHeaders,
  session: string | undefined,
  { serialize }: Pick<Destination, 'serialize'>,
): boolean {
  const wish = headers['x-slotkeeper-lane'];
  if (wish === undefined) return serialize === true && session !== undefined;
  if (wish === 'on' && session !== undefined) return true;
  const message =
    wish === 'on'
      ? 'A lane is a session’s: name the session, as x-slotkeeper-session by default.'
      : 'x-slotkeeper-lane can only be "on".';
  throw new AppError('invalid_params', message, { param: 'x-slotkeeper-lane' });
}
