// Whether the lines of a file are requests of a batch: each by itself, and all together by their
// `custom_id`. Faults have OpenAI's words where it has some. Nothing is kept but ids.
import { isTooDeep, MAX_JSON_DEPTH } from '../core/nesting.ts';
import { BATCH_ENDPOINTS, type BatchLine, type LineError } from './batch.ts';
import type { Line } from './lines.ts';

export interface LineRules {
  readonly endpoint: string;
  readonly maxLines: number;
  readonly maxBodyBytes: number;
}

export interface Validated {
  readonly total: number;
  readonly errors: readonly LineError[];
}

type Read =
  | { readonly kind: 'line'; readonly line: Omit<BatchLine, 'place'> }
  | { readonly kind: 'fault'; readonly fault: LineError };

const MOST_ERRORS = 100;
const MOST_ID_LENGTH = 512;

/** Reads all lines, even behind faults, but tells no more than a hundred. */
export async function validateLines(
  lines: AsyncIterable<Line>,
  rules: LineRules,
): Promise<Validated> {
  const seen = new Set<string>();
  const errors: LineError[] = [];
  let total = 0;
  for await (const line of lines) {
    total += 1;
    const fault = faultOf(line, rules, seen);
    if (fault !== undefined && errors.length < MOST_ERRORS) errors.push(fault);
  }
  if (total === 0) errors.push(faultAt(null, 'empty_file', 'The input file is empty.', null));
  if (total > rules.maxLines) {
    const message = `The input file has more than ${rules.maxLines} requests.`;
    errors.push(faultAt(null, 'too_many_requests', message, null));
  }
  return { total, errors };
}

/** The lines of a file that is known to be right, from a place on. */
export async function* batchLines(
  lines: AsyncIterable<Line>,
  rules: LineRules,
  from = 0,
): AsyncGenerator<BatchLine> {
  let place = -1;
  for await (const line of lines) {
    place += 1;
    if (place < from) continue;
    const read = readLine(line, rules);
    if (read.kind === 'line') yield { ...read.line, place };
  }
}

/** Only its id, of a line that is known to be right. */
export function customIdOf({ text }: Line): string {
  return (JSON.parse(text) as { readonly custom_id: string }).custom_id;
}

function faultOf(line: Line, rules: LineRules, seen: Set<string>): LineError | undefined {
  const read = readLine(line, rules);
  if (read.kind === 'fault') return read.fault;
  const { customId } = read.line;
  if (seen.has(customId)) {
    const message = `The custom_id for this request is a duplicate of another request. The custom_id parameter must be unique for each request in a batch.`;
    return faultAt(line, 'duplicate_custom_id', message, 'custom_id');
  }
  seen.add(customId);
  return undefined;
}

function readLine(line: Line, { endpoint, maxBodyBytes }: LineRules): Read {
  const fault = (code: string, message: string, param: string | null): Read => {
    return { kind: 'fault', fault: faultAt(line, code, message, param) };
  };
  // A body stands one level down in its line.
  if (isTooDeep(line.text, MAX_JSON_DEPTH + 1)) {
    return fault('invalid_body', `body is nested deeper than ${MAX_JSON_DEPTH} levels.`, 'body');
  }
  const parsed = objectOf(line.text);
  if (parsed === undefined) {
    return fault('invalid_json_line', 'This line is not parseable as valid JSON.', null);
  }
  const { custom_id: customId, method, url, body } = parsed;
  if (typeof customId !== 'string' || customId === '' || customId.length > MOST_ID_LENGTH) {
    const message = `custom_id must be a text of 1 to ${MOST_ID_LENGTH} characters.`;
    return fault(customId === undefined ? MISSING : 'invalid_value', message, 'custom_id');
  }
  if (method !== 'POST') {
    return fault(
      method === undefined ? MISSING : 'invalid_method',
      'method must be POST.',
      'method',
    );
  }
  if (url !== endpoint) {
    const message = `url must be the endpoint of the batch, ${endpoint}.`;
    return fault(url === undefined ? MISSING : 'mismatched_url', message, 'url');
  }
  const why = bodyFault(body);
  if (why !== undefined) return fault(body === undefined ? MISSING : 'invalid_body', why, 'body');
  const text = JSON.stringify(body);
  if (Buffer.byteLength(text) > maxBodyBytes) {
    return fault('body_too_large', `body has more than ${maxBodyBytes} bytes.`, 'body');
  }
  return { kind: 'line', line: { customId, model: (body as { model: string }).model, body: text } };
}

const MISSING = 'missing_required_parameter';

function bodyFault(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return 'body must be an object.';
  }
  const { model, stream } = body as Readonly<Record<string, unknown>>;
  if (typeof model !== 'string' || model === '') return 'body.model must name a model.';
  if (stream !== undefined && stream !== false)
    return 'body.stream must be left out: a batch has no streams.';
  return undefined;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function faultAt(
  line: Line | null,
  code: string,
  message: string,
  param: string | null,
): LineError {
  return { code, message, param, line: line?.number ?? null };
}

/** The path of an endpoint that a batch may have, or undefined. */
export function endpointOf(text: string): (typeof BATCH_ENDPOINTS)[number] | undefined {
  return BATCH_ENDPOINTS.find((one) => one === text);
}
