// How calls to other people's servers are signed: by a secret that both sides know, bound to the time of
// the call, so that an old one cannot be shown again.
import { createHmac } from 'node:crypto';

/** HMAC-SHA-256 in hex over the timestamp, a dot and the body. */
export function signatureOf(
  body: string,
  { secret, timestamp }: { readonly secret: string; readonly timestamp: string },
): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

/** Without a secret the time alone. */
export function signatureHeaders(
  body: string,
  { secret, nowMs }: { readonly secret: string | undefined; readonly nowMs: number },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  if (secret === undefined) return { 'x-slotkeeper-timestamp': timestamp };
  const signature = `v1=${signatureOf(body, { secret, timestamp })}`;
  return { 'x-slotkeeper-timestamp': timestamp, 'x-slotkeeper-signature': signature };
}
