// Which run a request belongs to: by its own header, or by a part of its session's id. Pure; a
// session id itself never becomes a run id, or every conversation would be a run of its own.
import { namedPart, type Template } from '../core/template.ts';

export type RunId =
  | { readonly kind: 'run'; readonly run: string }
  /** Neither header nor session. */
  | { readonly kind: 'none' }
  /** A session id without the configured form: no run, and worth a warning. */
  | { readonly kind: 'malformed_session' }
  /** A run header that is none: the caller's mistake. */
  | { readonly kind: 'malformed_run' };

/** What a request says about itself; undefined where it says nothing. */
export interface RunHints {
  /** The header x-slotkeeper-run. */
  readonly run: string | undefined;
  readonly session: string | undefined;
}

/** Printable ASCII without spaces, as all ids. */
const RUN_ID = /^[\x21-\x7e]{1,128}$/;
/** Longer ones are no ids; reading stops there. */
const MAX_SESSION_LENGTH = 1024;

/** The run header decides where it is sent. Linear in the session id's length. */
export function runIdOf({ run, session }: RunHints, template: Template): RunId {
  if (run !== undefined) {
    return RUN_ID.test(run) ? { kind: 'run', run } : { kind: 'malformed_run' };
  }
  if (session === undefined || session === '') return { kind: 'none' };
  if (session.length > MAX_SESSION_LENGTH) return { kind: 'malformed_session' };
  const part = namedPart(template, session);
  if (part === undefined || !RUN_ID.test(part)) return { kind: 'malformed_session' };
  return { kind: 'run', run: part };
}
