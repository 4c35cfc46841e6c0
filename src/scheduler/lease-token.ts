// The token of a lease that its holder renews over HTTP: all that is needed to register the lease
// again in a store that has lost it, signed, so that nobody can name a slot that was never granted.
// Pure: which secrets are true is token-secret.ts's matter.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { SessionWish } from './wire.ts';

/** What was granted, to whom, and until when. */
export interface LeaseClaims {
  /** "tenant/id". */
  readonly id: string;
  readonly fence: number;
  readonly account: string;
  readonly pool: string;
  readonly model: string;
  readonly claim: number;
  /** Cell time in ms. */
  readonly expiresAtMs: number;
  readonly tokens: number;
  readonly reserveMicro: number;
  readonly session?: SessionWish | undefined;
}

const VERSION = 1;
const text = z.string();
const number = z.number();
const session = z.object({ digest: text, isSticky: z.boolean(), isLane: z.boolean() });
const FIELDS = z.tuple([
  z.literal(VERSION),
  text,
  number,
  text,
  text,
  text,
  number,
  number,
  number,
  number,
  session.nullable(),
]);

/** The claims in base64url, a dot, and their HMAC-SHA256. Opaque to whoever carries it. */
export function sealToken(claims: LeaseClaims, secret: string): string {
  const { id, fence, account, pool, model, claim, expiresAtMs, tokens, reserveMicro } = claims;
  const use = [tokens, reserveMicro, claims.session ?? null];
  const place = [account, pool, model];
  const fields = [VERSION, id, fence, ...place, claim, expiresAtMs, ...use];
  const said = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `${said}.${signatureOf(said, secret).toString('base64url')}`;
}

/** Undefined for a token that none of `secrets` has signed. */
export function openToken(token: string, secrets: readonly string[]): LeaseClaims | undefined {
  const [said = '', signature = ''] = token.split('.');
  const shown = Buffer.from(signature, 'base64url');
  if (!secrets.some((secret) => isSame(signatureOf(said, secret), shown))) return undefined;
  const read = FIELDS.safeParse(JSON.parse(Buffer.from(said, 'base64url').toString()));
  if (!read.success) return undefined;
  const [, id, fence, account, pool, model, claim, expiresAtMs, ...use] = read.data;
  const [tokens, reserveMicro, wish] = use;
  const place = { account, pool, model };
  return {
    id,
    fence,
    ...place,
    claim,
    expiresAtMs,
    tokens,
    reserveMicro,
    session: wish ?? undefined,
  };
}

function signatureOf(said: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(said).digest();
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
