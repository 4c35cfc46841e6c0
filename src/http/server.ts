// The HTTP server under the application: how long a client may take, how much it may send before
// the application sees it, and what it is told when its bytes are no request. No routes.
import {
  createServer,
  IncomingMessage,
  ServerResponse,
  STATUS_CODES,
  type Server,
  type ServerOptions,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { Express } from 'express';
import { nanoid } from 'nanoid';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { errorBody, errorHeaders, originOf, sendError, statusOf } from './errors.ts';

export interface HttpServerOptions {
  /** Time in ms for a client to send its headers. */
  readonly headersTimeoutMs: number;
  /** Time in ms for a client to send its whole request, headers included. */
  readonly bodyTimeoutMs: number;
}

/** Long SDK headers and cookies fit; more gets 431. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Longer than the usual pools and proxies in front keep a connection, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const SLOWNESS_CHECK_MS = 500;

/** Not listening yet. */
export function createHttpServer(app: Express, options: HttpServerOptions): Server {
  const { headersTimeoutMs, bodyTimeoutMs } = options;
  const server = createServer(
    {
      ...presetPrototypes(app),
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Node refuses a limit for the headers that exceeds the one for the whole.
      headersTimeout: Math.min(headersTimeoutMs, bodyTimeoutMs),
      requestTimeout: bodyTimeoutMs,
      connectionsCheckingInterval: Math.min(SLOWNESS_CHECK_MS, headersTimeoutMs, bodyTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node's own answer to a missing Host has no body; ours has.
      requireHostHeader: false,
    },
    (req, res) => {
      if (req.headers.host === undefined && req.httpVersion === '1.1') {
        sendError(req, res, new AppError('invalid_request', 'The Host header is missing.'));
      } else {
        app(req, res);
      }
    },
  );
  server.on('clientError', refuseBytes);
  server.on('checkExpectation', (req, res) => {
    sendError(req, res, new AppError('invalid_request', 'Only "Expect: 100-continue" is known.'));
  });
  server.on('connect', (_req, socket) => {
    refuse(socket, new AppError('method_not_allowed', 'CONNECT is not accepted.'));
  });
  return server;
}

/** For the connections that come from now on. */
export function setTimeouts(server: Server, options: HttpServerOptions): void {
  const { headersTimeoutMs, bodyTimeoutMs } = options;
  server.headersTimeout = Math.min(headersTimeoutMs, bodyTimeoutMs);
  server.requestTimeout = bodyTimeoutMs;
}

/**
 * Express gives every request and response its own prototype, which costs Node 20 more than all
 * the rest of a request. Born with it, they need no change. Classes, because V8 sizes the objects
 * of a plain function too small and turns them into dictionaries. Node 24 is slower with this.
 */
function presetPrototypes(app: Express): ServerOptions {
  if (Number.parseInt(process.versions.node) >= 24) return {};
  class BornRequest extends IncomingMessage {}
  class BornResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {}
  Object.setPrototypeOf(BornRequest.prototype, app.request);
  Object.setPrototypeOf(BornResponse.prototype, app.response);
  Object.assign(app, { request: BornRequest.prototype, response: BornResponse.prototype });
  return { IncomingMessage: BornRequest, ServerResponse: BornResponse };
}

/** Bytes that are no HTTP request, or not in time. The connection never serves another one. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
  const [code, message] = REFUSALS[error.code ?? ''] ?? NO_REQUEST;
  refuse(socket, new AppError(code, message));
}

const NO_REQUEST = ['invalid_request', 'The request is not valid HTTP.'] as const;
const REFUSALS: Readonly<Record<string, readonly [code: ErrorCode, message: string] | undefined>> =
  {
    HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are too large.'],
    ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive in time.'],
  };

function refuse(socket: Duplex, error: AppError): void {
  // An answer under way must not be continued with another one's head.
  const current = (socket as { readonly _httpMessage?: ServerResponse | null })._httpMessage;
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const status = statusOf(error.code);
  const about = { requestId: nanoid(), origin: originOf(error.code) };
  const body = errorBody(error, { dialect: 'openai', ...about });
  const headers = errorHeaders(error, { ...about, bytes: Buffer.byteLength(body) });
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close'];
  for (let at = 0; at < headers.length; at += 2) {
    lines.push(`${headers[at] ?? ''}: ${headers[at + 1] ?? ''}`);
  }
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
