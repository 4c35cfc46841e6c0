// What went wrong, read off an error of whatever HTTP client: codes, names and statuses, down the
// chain of causes. It judges nothing: what a sign means is the table's matter.
import { ERROR_SIGNS, type ErrorSign, type Sign } from '../config/outcomes-schema.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';

/** Undefined for an error that is not an upstream's: the caller's, ours, or nobody's. */
export function signOfError(error: unknown): Sign | undefined {
  let told: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && told instanceof Object; depth += 1) {
    const sign = signOf(told);
    if (sign !== undefined) return sign;
    told = (told as { readonly cause?: unknown }).cause;
  }
  return undefined;
}

const MAX_CAUSES = 8;

function signOf(error: object): Sign | undefined {
  if (error instanceof AppError) return OURS[error.code];
  const { status, statusCode, code, name } = error as Record<string, unknown>;
  const answered = status ?? statusCode;
  if (typeof answered === 'number' && answered >= 400 && answered <= 599) {
    return answered === 429 && code === 'insufficient_quota' ? code : `${answered}`;
  }
  return signOfCode(code) ?? signOfName(name) ?? signOfName(error.constructor.name);
}

/** How the daemon's own client names an upstream's failure. */
const OURS: Readonly<Partial<Record<ErrorCode, ErrorSign>>> = {
  upstream_unreachable: 'reset',
  upstream_timeout: 'timeout',
  upstream_protocol: 'protocol',
};

const CODES: Readonly<Partial<Record<ErrorSign, readonly string[]>>> = {
  connect_refused: [
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'EHOSTDOWN',
    'ENETUNREACH',
    'ENETDOWN',
    'ENOTFOUND',
    'EAI_AGAIN',
  ],
  connect_timeout: ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'],
  timeout: ['ESOCKETTIMEDOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
  reset: ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ERR_STREAM_PREMATURE_CLOSE'],
  protocol: [
    'UND_ERR_HEADERS_OVERFLOW',
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  ],
};

const BY_CODE: ReadonlyMap<unknown, ErrorSign> = new Map(
  ERROR_SIGNS.flatMap((sign) => (CODES[sign] ?? []).map((code) => [code, sign] as const)),
);

function signOfCode(code: unknown): ErrorSign | undefined {
  // Node's parser of HTTP: HPE_INVALID_CONSTANT and its kin.
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'protocol';
  return BY_CODE.get(code);
}

const BY_NAME: ReadonlyMap<unknown, ErrorSign> = new Map([
  // AbortSignal.timeout(), and the OpenAI and Anthropic SDKs.
  ['TimeoutError', 'timeout'],
  ['APIConnectionTimeoutError', 'timeout'],
  ['HTTPParserError', 'protocol'],
  // JSON.parse of an answer.
  ['SyntaxError', 'unparsable'],
]);

function signOfName(name: unknown): ErrorSign | undefined {
  return BY_NAME.get(name);
}
