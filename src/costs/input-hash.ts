// The digest by which a request is known again without its content. Whoever says the same, spelled
// or streamed in another way, has the same digest.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical.ts';

/** How the answer travels, not what is asked. */
const TRANSPORT = new Set(['stream', 'stream_options']);

/** SHA-256 in hex of the canonical JSON of a body's fields. */
export function inputHashOf(fields: Readonly<Record<string, unknown>>): string {
  const asked = Object.entries(fields).filter(([name]) => !TRANSPORT.has(name));
  return digest(canonicalJson(Object.fromEntries(asked)));
}

/** Of a body that is no JSON, or too large to be read twice: of its bytes as they came. */
export function hashOfBytes(body: Uint8Array): string {
  return digest(body);
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
