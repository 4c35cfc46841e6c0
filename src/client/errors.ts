// The one exception of the client: what the Scheduler API answered, or that it could not be asked.

export interface SlotkeeperApiErrorDetails {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number;
  /** Milliseconds after which a repeat may succeed. */
  readonly retryAfterMs?: number;
  readonly param?: string;
  readonly cause?: unknown;
}

/**
 * `code` is the API's own (`pool_full`, `duplicate_request`, `lease_not_found`, …), or one of the
 * client's: `unreachable` (no answer came), `invalid_answer`, `lease_lost` (a slot could not be
 * renewed in time).
 */
export class SlotkeeperApiError extends Error {
  readonly code: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly param: string | undefined;

  constructor(code: string, message: string, details: SlotkeeperApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SlotkeeperApiError';
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.param = details.param;
  }
}

/** The error that an answer other than 2xx stands for. Never throws, whatever the body is. */
export async function errorOfAnswer(answer: Response): Promise<SlotkeeperApiError> {
  const body: unknown = await answer.json().catch(() => undefined);
  const error = field(body, 'error');
  const code = field(error, 'code');
  const message = field(error, 'message');
  const param = field(error, 'param');
  const retryAfterMs = retryAfterOf(answer.headers);
  return new SlotkeeperApiError(
    typeof code === 'string' ? code : 'invalid_answer',
    typeof message === 'string' ? message : `The server answered ${answer.status}.`,
    {
      status: answer.status,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(typeof param === 'string' ? { param } : {}),
    },
  );
}

function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
