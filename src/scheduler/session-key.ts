// A session's name in the store: a digest of what its caller calls it. A caller's own words never
// name anything there, and all names are of one size; the heart puts the tenant before them.
import { createHash } from 'node:crypto';
import { AppError } from '../core/errors.ts';

const MAX_LENGTH = 1024;
/** 22 characters: 128 bits, so that nobody finds two sessions of one digest. */
const DIGEST_BYTES = 16;

/** Throws `invalid_params` for a session without a name, or with a very long one. */
export function sessionDigest(session: string): string {
  if (session === '' || session.length > MAX_LENGTH) {
    throw new AppError('invalid_params', `A session has 1 to ${MAX_LENGTH} characters.`, {
      param: 'session',
    });
  }
  return createHash('sha256').update(session).digest().toString('base64url', 0, DIGEST_BYTES);
}
