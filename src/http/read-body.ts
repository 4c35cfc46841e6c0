// Bodies of the routes that ask no upstream: as bytes that come, within a bound, or as JSON. Encoded
// ones are refused: their size is a promise that only unpacking could check.
import type { IncomingMessage } from 'node:http';
import { AppError } from '../core/errors.ts';

/** Throws `payload_too_large` beyond the bound, `client_closed` where the client leaves. */
export async function* bytesOf(req: IncomingMessage, maxBytes: number): AsyncGenerator<Buffer> {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without Content-Encoding.');
  }
  if (Number(req.headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  let bytes = 0;
  // A refusal must still reach the client: the stream is its connection.
  const pieces = req.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  for (;;) {
    const next = await pieces.next().catch(left);
    if (next.done === true) return;
    bytes += next.value.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield next.value;
  }
}

/** Throws `invalid_request` for what is no JSON. */
export async function readJson(req: IncomingMessage, maxBytes: number): Promise<unknown> {
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.');
  }
  const pieces: Buffer[] = [];
  for await (const piece of bytesOf(req, maxBytes)) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new AppError('invalid_request', 'The body is not valid JSON.');
  }
}

function left(cause: unknown): never {
  throw new AppError('client_closed', 'The client left before its request was complete.', {
    cause,
  });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The body exceeds ${maxBytes} bytes.`);
}
