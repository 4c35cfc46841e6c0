// The routes below /v1. It compares paths with the fixed list, hands requests to the gateway, and
// tells clients how they ended. Authentication is the application's; forwarding is the gateway's.
import type { Request, RequestHandler, Response } from 'express';
import { AppError, asAppError } from '../../core/errors.ts';
import { refusalHeaders } from '../../gateway/answer-head.ts';
import { ENDPOINTS } from '../../gateway/endpoints.ts';
import { Exchange } from '../../gateway/exchange.ts';
import type { FinishedRequest } from '../../gateway/events.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import { principalOf } from '../../gateway/principal.ts';
import { requestIdOf } from '../../gateway/request-id.ts';
import { mayBeServedBy, mayUse, type Tenant } from '../../tenants/tenant.ts';
import { endStreamWithError, sendError } from '../errors.ts';
import { describeModel, listModels } from './models.ts';

/**
 * Answers what asks no upstream, or rejects with why not. Told the path below its own, such as
 * `/file-1`, or an empty one.
 */
export type ServeBeside = (req: Request, res: Response, path: string) => Promise<void>;

/** By the first word of the path below /v1. */
export type Beside = Readonly<Partial<Record<'files' | 'batches', ServeBeside>>>;

/** To be mounted at /v1. It answers everything that reaches it, unknown paths too. */
export function createProxyRouter(gateway: Gateway, beside: Beside = {}): RequestHandler {
  const sinceMs = Date.now();
  // Not a Router with a layer a path: the list is exact, and a layer costs a match each.
  return (req, res) => {
    const path = pathOf(req.url);
    const endpoint = ENDPOINTS.get(path);
    if (endpoint === undefined) answerRest(req, res, { gateway, path, sinceMs, beside });
    else if (req.method === 'POST')
      void forward(gateway, new Exchange(req, res, endpoint), { req, res });
    else refuse(req, res, { gateway, path: endpoint.name, error: wrongMethod(res, 'POST') });
  };
}

interface Sides {
  readonly req: Request;
  readonly res: Response;
}

async function forward(gateway: Gateway, exchange: Exchange, { req, res }: Sides): Promise<void> {
  let error: AppError | undefined;
  try {
    await gateway.serve(exchange);
  } catch (thrown) {
    error = asAppError(thrown);
    if (exchange.stream && res.headersSent) endStreamWithError(req, res, error);
    else sendError(req, res, error, { headers: refusalHeaders(exchange) });
  }
  const status = error?.code === 'client_closed' ? 499 : res.statusCode;
  gateway.events.emit('finished', exchange.summary(status, error));
}

interface Rest {
  readonly gateway: Gateway;
  readonly path: string;
  readonly sinceMs: number;
  readonly beside: Beside;
}

function answerRest(req: Request, res: Response, rest: Rest): void {
  const { gateway, path, sinceMs, beside } = rest;
  const [, word = '', below = ''] = /^\/(files|batches)(\/.*)?$/.exec(path) ?? [];
  const serve = beside[word as keyof Beside];
  if (serve !== undefined) {
    void answerBeside(req, res, { gateway, path: word as keyof Beside, below, serve });
    return;
  }
  const isModels = path === '/models' || path.startsWith('/models/');
  if (!isModels) {
    const error = new AppError('path_not_found', 'This path is not served here.');
    refuse(req, res, { gateway, path: 'other', error });
    return;
  }
  try {
    if (req.method !== 'GET' && req.method !== 'HEAD') throw wrongMethod(res, 'GET, HEAD');
    const routes = routesFor(principalOf(req).tenant, gateway.routes);
    const id = path.slice('/models/'.length);
    const isList = path === '/models';
    const body = isList ? listModels(routes, sinceMs) : describeModel(routes, id, sinceMs);
    res.setHeader('x-request-id', requestIdOf(req));
    res.json(body);
    gateway.events.emit('finished', plainSummary(req, 'models', 200));
  } catch (error) {
    refuse(req, res, { gateway, path: 'models', error: asAppError(error) });
  }
}

async function answerBeside(
  req: Request,
  res: Response,
  about: { gateway: Gateway; path: keyof Beside; below: string; serve: ServeBeside },
): Promise<void> {
  const { gateway, path, below, serve } = about;
  try {
    res.setHeader('x-request-id', requestIdOf(req));
    await serve(req, res, below);
    gateway.events.emit('finished', plainSummary(req, path, res.statusCode));
  } catch (thrown) {
    // What still comes is read and dropped: a client hears nothing while it must send.
    req.resume();
    refuse(req, res, { gateway, path, error: asAppError(thrown) });
  }
}

/** What a tenant may not use is not on its list. */
function routesFor(tenant: Tenant, routes: Gateway['routes']): Gateway['routes'] {
  if (tenant.routes === undefined && tenant.terms.providers === undefined) return routes;
  const own = [...routes].filter(([alias, { targets }]) => {
    return mayUse(tenant, alias) && targets.some(({ pool }) => mayBeServedBy(tenant, pool));
  });
  return new Map(own);
}

function refuse(
  req: Request,
  res: Response,
  about: { gateway: Gateway; path: FinishedRequest['path']; error: AppError },
): void {
  const { gateway, path, error } = about;
  sendError(req, res, error);
  const status = error.code === 'client_closed' ? 499 : res.statusCode;
  gateway.events.emit('finished', plainSummary(req, path, status, error));
}

/** The summary of a request that never came near a slot. */
function plainSummary(
  req: Request,
  path: FinishedRequest['path'],
  status: number,
  error?: AppError,
): FinishedRequest {
  return {
    requestId: requestIdOf(req),
    path,
    route: undefined,
    status,
    reason: error?.code,
    error,
    outcome: undefined,
    sign: undefined,
    pool: undefined,
    account: undefined,
    attempts: 0,
    failed: [],
    stream: false,
    usage: undefined,
    totalMs: 0,
    queueMs: 0,
    overheadMs: 0,
    upstreamMs: undefined,
    ttfbMs: undefined,
  };
}

function wrongMethod(res: Response, allow: string): AppError {
  res.setHeader('allow', allow);
  return new AppError('method_not_allowed', `Use ${allow} here.`);
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
