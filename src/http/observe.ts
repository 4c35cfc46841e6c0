// Tells of the requests that never reach the gateway, once each, when their answer has ended. The
// gateway tells of its own; the hot path gets no listener from here.
import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { requestIdOf } from '../gateway/request-id.ts';

export type PlainPath = 'scheduler' | 'admin' | 'sessions' | 'health' | 'metrics' | 'other';

export interface PlainRequest {
  /** What the answer's x-request-id would say: for correlation only. */
  readonly requestId: string;
  readonly method: string;
  readonly path: PlainPath;
  /** Status that the client saw; 499 when it left before the end. */
  readonly status: number;
  readonly totalMs: number;
}

type Report = (request: PlainRequest) => void;

export function observeUnproxied(report: Report): RequestHandler {
  return (req, res, next) => {
    if (!isProxied(req.url)) reportEnd(req, res, report);
    next();
  };
}

/** Journals of sessions, which ask no upstream. */
const SESSIONS = /^\/v1\/sessions(?:[/?]|$)/;

/** Whether the gateway serves this URL. */
export function isProxied(url: string): boolean {
  return url.startsWith('/v1/') && !SESSIONS.test(url);
}

export function reportEnd(req: Request, res: Response, report: Report): void {
  const startedAtMs = performance.now();
  res.once('close', () => {
    report({
      requestId: requestIdOf(req),
      method: req.method,
      path: pathKindOf(req),
      status: res.writableFinished ? res.statusCode : 499,
      totalMs: performance.now() - startedAtMs,
    });
  });
}

function pathKindOf(req: IncomingMessage & { readonly originalUrl?: string }): PlainPath {
  const url = req.originalUrl ?? req.url ?? '';
  if (SESSIONS.test(url)) return 'sessions';
  const [, first] = /^\/([a-z]+)(?:[/?]|$)/.exec(url) ?? [];
  if (first === 'scheduler' || first === 'admin' || first === 'metrics') return first;
  return first === 'healthz' || first === 'health' || first === 'readyz' ? 'health' : 'other';
}
