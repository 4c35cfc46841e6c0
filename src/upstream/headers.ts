// Which headers cross the proxy, in both directions: two allow-lists. What is not named here (the
// client's credentials, cookies and organisation, the upstream's, and all that belongs to one
// connection) stays on its side.
import type { IncomingHttpHeaders } from 'node:http';
import type { AccountConfig } from '../config/schema.ts';

/** `idempotency-key` is not among them: callers that share an account could meet in it. */
export const TO_UPSTREAM = [
  'accept',
  'user-agent',
  'openai-beta',
  'anthropic-version',
  'anthropic-beta',
  'traceparent',
  'tracestate',
] as const;

const DEFAULT_ANTHROPIC_VERSION = '2023-06-01';

/** Flat names and values. `contentType` describes the body that is sent, not the one received. */
export function upstreamHeaders(
  account: AccountConfig,
  client: IncomingHttpHeaders,
  contentType: string,
): string[] {
  // The end of an answer is read for its usage, so it must not be compressed.
  const headers = ['content-type', contentType, 'accept-encoding', 'identity'];
  for (const name of TO_UPSTREAM) {
    const value = client[name];
    if (typeof value === 'string') headers.push(name, value);
  }
  const { provider, credential } = account;
  if (provider === 'anthropic' && client['anthropic-version'] === undefined) {
    headers.push('anthropic-version', DEFAULT_ANTHROPIC_VERSION);
  }
  if (credential !== undefined) {
    if (provider === 'anthropic') headers.push('x-api-key', credential);
    else headers.push('authorization', `Bearer ${credential}`);
  }
  return headers;
}

/** Name at the upstream → name in our answer. */
const TO_CLIENT: ReadonlyMap<string, string> = new Map([
  ...[
    'content-type',
    'content-length',
    'content-encoding',
    'content-disposition',
    'content-language',
    'cache-control',
    'retry-after',
    'retry-after-ms',
    'x-should-retry',
    'openai-model',
    'openai-version',
    'openai-processing-ms',
  ].map((name) => [name, name] as const),
  ['x-request-id', 'x-upstream-request-id'],
  ['request-id', 'x-upstream-request-id'],
]);
const LIMITS = /^(?:x-ratelimit|anthropic-ratelimit)-/;

/**
 * Appends what may pass of an upstream's answer to `into`, flat names and values. Its rates pass
 * where the caller has none of its own: those would be told under the same names.
 */
export function passHeaders(
  upstream: Readonly<Record<string, string | string[] | undefined>>,
  into: string[],
  { withLimits = true }: { readonly withLimits?: boolean } = {},
): void {
  for (const name in upstream) {
    const passed = TO_CLIENT.get(name) ?? (withLimits && LIMITS.test(name) ? name : undefined);
    const value = upstream[name];
    if (passed !== undefined && value !== undefined) {
      into.push(passed, typeof value === 'string' ? value : (value[0] ?? ''));
    }
  }
}
