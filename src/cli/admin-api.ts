// A daemon's admin API as commands use it: where it is, its token, and one call. What it refuses
// becomes one line; the token is in none.
import { Option, type Command } from 'commander';
import { AppError } from '../core/errors.ts';
import { DEFAULT_URL } from '../sim/load/target.ts';

export interface AdminOptions {
  readonly url: string;
  readonly token?: string;
}

const TIMEOUT_MS = 10_000;

export function addAdminOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'a daemon of the cell').env('SLOTKEEPER_URL').default(DEFAULT_URL),
    )
    .addOption(
      new Option('--token <token>', 'the admin’s token (better by the variable)').env(
        'SLOTKEEPER_ADMIN_TOKEN',
      ),
    );
}

export interface AdminCall extends AdminOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/admin` by default; the same token opens all of them. */
  readonly root?: '/admin' | '/costsim';
  /** Below the root. */
  readonly path: string;
  readonly body?: unknown;
}

/** The answer's body. Throws an AppError with what the daemon says, or why it says nothing. */
export async function callAdmin<T>(call: AdminCall): Promise<T> {
  const { url, token, method, root = '/admin', path, body } = call;
  if (token === undefined) {
    throw new AppError('config_invalid', 'Give the admin’s token as SLOTKEEPER_ADMIN_TOKEN.');
  }
  if (!URL.canParse(url)) throw new AppError('config_invalid', 'The --url is not a URL.');
  const answer = await fetch(new URL(`${root}${path}`, url), {
    method,
    // A redirect would carry the token to another place.
    redirect: 'error',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    const message = `No daemon answers at ${new URL(url).origin}: start it, or give its --url.`;
    throw new AppError('store_unavailable', message, { cause });
  });
  const told = (await answer.json().catch(() => undefined)) as Told<T> | undefined;
  if (answer.ok && told !== undefined) return told as T;
  const words = (told as ErrorBody | undefined)?.error?.message ?? 'It is not Slotkeeper’s.';
  throw new AppError('invalid_request', `The daemon answers ${answer.status}: ${words}`);
}

interface ErrorBody {
  readonly error?: { readonly message?: string };
}
type Told<T> = T | ErrorBody;
