// What a failed upstream call means: its sign, and an error in the product's own codes. The words of
// the transport (with addresses and ports in them) stay in `cause`, for the log.
import type { ErrorSign } from '../config/outcomes-schema.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { signOfError } from './signs.ts';

/** The signs that a connection can show. */
export type TransportSign = Exclude<
  ErrorSign,
  'insufficient_quota' | 'content_refused' | 'unparsable'
>;

export interface UpstreamFailure {
  /** Undefined where the upstream is not to blame. */
  readonly sign: TransportSign | undefined;
  readonly error: AppError;
}

/** `begun`: whether the head of the answer had arrived. */
export function upstreamFailure(
  thrown: Error,
  { begun }: { readonly begun: boolean },
): UpstreamFailure {
  const sign = transportSign(thrown) ?? (begun ? 'reset' : 'connect_refused');
  const [code, message] = begun && sign === 'reset' ? CUT_OFF : TOLD[sign];
  return { sign, error: new AppError(code, message, { cause: thrown }) };
}

/** What the transport itself refuses to go on with: an upgrade that nobody asked for, and the like. */
const REFUSED = 'UND_ERR_INVALID_ARG';

function transportSign(thrown: Error): TransportSign | undefined {
  if ((thrown as NodeJS.ErrnoException).code === REFUSED) return 'protocol';
  const sign = signOfError(thrown);
  return sign !== undefined && sign in TOLD ? (sign as TransportSign) : undefined;
}

/** A failure that we saw ourselves. */
export function failureOf(sign: TransportSign, message: string): UpstreamFailure {
  const [code] = TOLD[sign];
  return { sign, error: new AppError(code, message) };
}

type Told = readonly [code: ErrorCode, message: string];

const CUT_OFF: Told = [
  'upstream_unreachable',
  'The upstream closed the connection before its answer was complete.',
];

const UNREACHABLE: Told = ['upstream_unreachable', 'The upstream could not be reached.'];

const TOLD: Readonly<Record<TransportSign, Told>> = {
  connect_refused: UNREACHABLE,
  connect_timeout: ['upstream_timeout', 'The upstream could not be connected to in time.'],
  timeout: ['upstream_timeout', 'The upstream did not answer in time.'],
  reset: UNREACHABLE,
  protocol: ['upstream_protocol', 'The upstream did not answer with valid HTTP.'],
};
