// The secrets that callers show: how they are made, and the digest by which they are known. No secret
// is kept anywhere: it is told once, by whoever made it.
import { hash } from 'node:crypto';
import { customAlphabet } from 'nanoid';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 32 characters of 62 are 190 bits. The prefix makes keys known to secret scanners and our log. */
const randomPart = customAlphabet(BASE62, 32);
const randomId = customAlphabet(BASE62, 10);

export interface NewApiKey {
  /** Names the key in lists and for its revocation; opens nothing. */
  readonly id: string;
  readonly secret: string;
}

export function newApiKey(): NewApiKey {
  return { id: randomId(), secret: `sk-slot-${randomPart()}` };
}

export const KEY_ID_PATTERN = /^[0-9A-Za-z]{10}$/;

/**
 * SHA-256 in hex. No salt and no slow hash: what has 190 random bits cannot be guessed from its
 * digest, and a look-up is made for every request. How long a look-up by digest takes tells nothing
 * either, since nobody can make a key whose digest begins as another's.
 */
export function digestOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}
