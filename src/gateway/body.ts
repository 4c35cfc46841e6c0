// Reads a request's body whole, within a limit of bytes. Encoded bodies are refused: their size is
// a promise that only unpacking could check.
import { AppError } from '../core/errors.ts';
import type { Exchange } from './exchange.ts';
import type { Asking } from './sides.ts';

/** Rejects with `unsupported_media_type`, `payload_too_large`, or why the exchange broke off. */
export function readBody(exchange: Exchange, maxBytes: number): Promise<Buffer> {
  const { req } = exchange;
  return new Promise((resolve, reject) => {
    const refusal = refusalOf(req, maxBytes);
    if (refusal !== undefined) {
      reject(refusal);
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    exchange.worker = { broken: reject };
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        // What still comes is read and dropped: a client hears nothing while it must send.
        chunks.length = 0;
        reject(tooLarge(maxBytes));
      }
    });
    req.once('end', () => {
      exchange.worker = undefined;
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
  });
}

function refusalOf({ headers }: Asking, maxBytes: number): AppError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new AppError('unsupported_media_type', 'Send the body without Content-Encoding.');
  }
  return Number(headers['content-length']) > maxBytes ? tooLarge(maxBytes) : undefined;
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The body exceeds ${maxBytes} bytes.`);
}
