// What became of a line: as it is kept until the batch's files are written, and as it stands in them.
// The first letter says which file; scripts read no more of it.

/** How a line's job ended. */
export type LineEnd =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly requestId: string;
      readonly body: string;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'cancelled' | 'expired' };

/** Of lines that never had an answer. */
export const CANCELLED = 'c';
export const EXPIRED = 'x';
const ANSWERED = 'o';
const REFUSED = 'e';
const FAILED = 'f';

const MESSAGES: Readonly<Record<string, readonly [code: string, message: string]>> = {
  [CANCELLED]: ['batch_cancelled', 'This request was not executed: the batch was cancelled.'],
  [EXPIRED]: [
    'batch_expired',
    'This request could not be executed before the completion window expired.',
  ],
};

export function encodeEnd(end: LineEnd): string {
  switch (end.kind) {
    case 'cancelled':
      return CANCELLED;
    case 'expired':
      return EXPIRED;
    case 'failed':
      return FAILED + JSON.stringify([end.code, end.message]);
    case 'answered': {
      const { status, requestId, body } = end;
      const letter = status < 400 ? ANSWERED : REFUSED;
      return `${letter}${JSON.stringify([status, requestId])}\n${jsonOf(body)}`;
    }
  }
}

export function hasSucceeded(stored: string): boolean {
  return stored.startsWith(ANSWERED);
}

export interface LineNames {
  /** Unique among all lines. */
  readonly id: string;
  readonly customId: string;
}

/** The line of the output or error file, without its end. */
export function outputLine({ id, customId }: LineNames, stored: string): string {
  const names = `{"id":${JSON.stringify(id)},"custom_id":${JSON.stringify(customId)}`;
  const kind = stored.charAt(0);
  if (kind !== ANSWERED && kind !== REFUSED) {
    const [code, message] = MESSAGES[kind] ?? (JSON.parse(stored.slice(1)) as [string, string]);
    return `${names},"response":null,"error":${JSON.stringify({ code, message })}}`;
  }
  const at = stored.indexOf('\n');
  const [status, requestId] = JSON.parse(stored.slice(1, at)) as [number, string];
  const head = `"status_code":${status},"request_id":${JSON.stringify(requestId)}`;
  return `${names},"response":{${head},"body":${stored.slice(at + 1)}},"error":null}`;
}

/** An answer's own bytes where they are JSON of one line, so that no number changes. */
function jsonOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    return /[\r\n]/.test(body) ? JSON.stringify(value) : body;
  } catch {
    return JSON.stringify(body);
  }
}
