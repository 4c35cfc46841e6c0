// A chat request that names a session whose journal knows what was said before: `x-slotkeeper-history:
// on`. The history goes before its messages, and its turn is kept once it has been answered well.
import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../core/errors.ts';
import type { SessionSource } from '../config/sessions-schema.ts';
import { readAsked } from './asked.ts';
import type { Exchange } from './exchange.ts';
import { principalOf } from './principal.ts';
import { sessionOf } from './session.ts';
import { spliceMessages } from './splice-messages.ts';
import { TurnAnswer } from './turn-answer.ts';

/** As chat requests have them. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly Readonly<Record<string, unknown>>[];
}

/** What was said in one request and its answer. */
export interface Turn {
  readonly tenant: string;
  readonly session: string;
  readonly messages: readonly (ChatMessage & { readonly sender: string })[];
  /** When the request came, by the wall clock in ms. */
  readonly atMs: number;
}

export interface Histories {
  /** The latest messages, in their order. Rejects with `store_unavailable`. */
  read(of: Pick<Turn, 'tenant' | 'session'>): Promise<readonly ChatMessage[]>;
  /** Never rejects: an answer does not depend on it. */
  keep(turn: Turn): Promise<void>;
}

export interface HistoryRules {
  /** Undefined where nothing is kept. */
  readonly histories?: Histories | undefined;
  readonly sessionFrom: readonly SessionSource[];
}

const HEADER = 'x-slotkeeper-history';

/** Asked first: a promise costs every other request a turn. */
export function asksForHistory(headers: IncomingHttpHeaders): boolean {
  return headers[HEADER] !== undefined;
}

/** The body to serve instead. Throws `invalid_params` for a request that can have no history. */
export async function withHistory(
  exchange: Exchange,
  body: Buffer,
  { histories, sessionFrom }: HistoryRules,
): Promise<Buffer> {
  const { req, endpoint } = exchange;
  refuseOthers(req.headers, endpoint.name);
  if (histories === undefined) throw refused('No history is kept here: journal.enabled is off.');
  const asked = readAsked(body, req.headers['content-type'] ?? '', endpoint);
  const session = sessionOf(req.headers, asked.sessions, sessionFrom);
  if (session === undefined) {
    throw refused(
      'A history is a session’s: name the session, as x-slotkeeper-session by default.',
    );
  }
  const text = body.toString();
  const fields = JSON.parse(text) as { readonly messages?: unknown; readonly user?: unknown };
  const own = Array.isArray(fields.messages) ? (fields.messages as readonly unknown[]) : [];
  const of = { tenant: principalOf(req).tenant.name, session };
  const atMs = Date.now();
  const whole = spliceMessages(text, own, await histories.read(of));
  const said = own.flatMap((message) => spokenIn(message, fields.user));
  exchange.answerThrough((client) => {
    return new TurnAnswer(client, (content) => {
      const answer = { role: 'assistant', content, sender: asked.model } as const;
      return histories.keep({ ...of, messages: [...said, answer], atMs });
    });
  });
  return Buffer.from(whole);
}

function refuseOthers(headers: IncomingHttpHeaders, endpoint: string): void {
  if (headers[HEADER] !== 'on') throw refused(`${HEADER} can only be "on".`);
  if (endpoint !== 'chat') throw refused('Only chat completions have a history.');
  // A deferred answer comes when nobody keeps its turn.
  if (headers['x-slotkeeper-defer'] !== undefined) {
    throw refused('A request with a history cannot be deferred.');
  }
}

function refused(message: string): AppError {
  return new AppError('invalid_params', message, { param: HEADER });
}

/** What a person or a model has said; instructions and the results of tools are no part of it. */
function spokenIn(message: unknown, user: unknown): Turn['messages'] {
  const { role, content, name } = (message ?? {}) as Readonly<Record<string, unknown>>;
  if (role !== 'user' && role !== 'assistant') return [];
  if (typeof content !== 'string' && !Array.isArray(content)) return [];
  const named = [name, user].find((one) => typeof one === 'string' && one !== '');
  const sender = typeof named === 'string' ? named : role;
  return [{ role, content: content as ChatMessage['content'], sender }];
}
