// The journal of sessions over HTTP, below /v1/sessions: append, read, flush, delete. It translates
// between the wire and the journal; a session is found by its tenant and its name alone.
import express, { Router, type Request, type RequestHandler } from 'express';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { isTooDeep, MAX_JSON_DEPTH } from '../../core/nesting.ts';
import { principalOf } from '../../gateway/principal.ts';
import { requestIdOf } from '../../gateway/request-id.ts';
import type { Message } from '../../journal/message.ts';
import type { Journal, SessionRef } from '../../journal/service.ts';
import { refuseMethod, requireJson } from './json-body.ts';
import { appendSchema, bufferBody, cellList, cellPath, messageList } from './session-schemas.ts';
import { pageSchema, type Page } from './session-schemas.ts';
import { parse } from './validation.ts';

export interface SessionRouterDeps {
  /** Undefined where nothing is kept: then there is nothing at these paths. */
  readonly journal:
    Pick<Journal, 'append' | 'buffer' | 'cells' | 'celled' | 'flush' | 'delete'> | undefined;
  readonly config: Pick<Config, 'journal' | 'server'>;
}

/** Whether a path below /v1 is a session's. */
export function isSessionPath(url: string): boolean {
  return /^\/sessions(?:[/?]|$)/.test(url);
}

/** To be mounted at /v1; authentication is the application's. */
export function createSessionRouter({ journal, config }: SessionRouterDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  if (journal === undefined) {
    router.use((_req, _res, next) => next(new AppError('path_not_found', OFF)));
    return router;
  }
  const json = [requireJson, express.json({ ...BODY, limit: config.server.maxBodyBytes })];
  router.use((req, res, next) => {
    res.setHeader('x-request-id', requestIdOf(req));
    next();
  });
  const at = '/sessions/:session';
  router
    .route(`${at}/messages`)
    .post(json, append({ journal, config }))
    .get(async (req, res) => {
      const page = pageOf(req);
      res.json(bufferBody(await journal.buffer(refOf(req), page), page));
    })
    .all(refuseMethod(['GET', 'POST']));
  router
    .route(`${at}/cells`)
    .get(async (req, res) => {
      const page = pageOf(req);
      res.json(cellList(await journal.cells(refOf(req), page), page));
    })
    .all(refuseMethod(['GET']));
  router
    .route(`${at}/cells/:number/messages`)
    .get(async (req, res) => {
      const page = pageOf(req);
      const { number } = parse(cellPath, { ...req.params }, 'path');
      const found = await journal.celled(refOf(req), number, page);
      res.json({ object: 'list', ...messageList(found, page) });
    })
    .all(refuseMethod(['GET']));
  addEndings(router, { journal, at });
  return router;
}

const BODY = {
  inflate: false,
  verify: (_req: unknown, _res: unknown, body: Buffer): void => {
    if (!isTooDeep(body.toString('latin1'))) return;
    const message = `The body is nested deeper than ${MAX_JSON_DEPTH} levels.`;
    throw new AppError('invalid_params', message);
  },
} as const;

const OFF = 'Sessions keep no messages here: journal.enabled is off.';

function addEndings(
  router: Router,
  { journal, at }: { journal: Pick<Journal, 'flush' | 'delete'>; at: string },
): void {
  router
    .route(`${at}/flush`)
    .post(async (req, res) => {
      const { moved, cell } = await journal.flush(refOf(req));
      res.json({ messages: moved, cell: cell === 0 ? null : cell });
    })
    .all(refuseMethod(['POST']));
  router
    .route(at)
    .delete(async (req, res) => {
      res.json({ deleted: true, messages: await journal.delete(refOf(req)) });
    })
    .all(refuseMethod(['DELETE']));
}

function append({
  journal,
  config,
}: {
  readonly journal: Pick<Journal, 'append'>;
  readonly config: SessionRouterDeps['config'];
}): RequestHandler {
  return async (req, res) => {
    const { maxAppend, maxMessageBytes } = config.journal;
    const { messages } = parse(appendSchema(maxAppend), req.body, 'body');
    refuseLong(messages, maxMessageBytes);
    const { added, buffered, messages: taken } = await journal.append(refOf(req), messages);
    res.json({
      added,
      buffered,
      messages: taken.map(({ id, place }) => ({ id, sequence: place })),
    });
  };
}

function refuseLong(messages: readonly Message[], most: number): void {
  const long = messages.findIndex((one) => Buffer.byteLength(JSON.stringify(one)) > most);
  if (long < 0) return;
  throw new AppError('payload_too_large', `A message has at most ${most} bytes as JSON.`, {
    param: `messages.${long}`,
  });
}

function refOf(req: Request): SessionRef {
  const { session } = req.params;
  return { tenant: principalOf(req).tenant.name, session: String(session) };
}

function pageOf(req: Request): Page {
  return parse(pageSchema, { ...req.query }, 'query');
}
