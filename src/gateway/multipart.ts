// A strict reading of multipart/form-data (RFC 7578) in a buffer: names and places of its fields.
// Forms that two parsers could read differently are refused, because another one reads them next.
import { AppError } from '../core/errors.ts';

export interface FormField {
  readonly name: string;
  readonly isFile: boolean;
  /** Where the value begins and ends in the body. */
  readonly start: number;
  readonly end: number;
}

const MAX_FIELDS = 200;
const MAX_HEAD_BYTES = 4096;

const CONTENT_TYPE =
  /^multipart\/form-data;[ ]?boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'()+,./:=?-]{1,70}))$/i;
const DISPOSITION =
  /^content-disposition:[ ]?form-data; ?name="([^"\\]{1,100})"((?:; ?filename\*?=(?:"(?:[^"\\]|\\.)*"|[^\s";]+))*)$/i;
const OTHER_HEAD = /^content-(?:type|length|id):[^\0]*$/i;

export interface Form {
  readonly boundary: string;
  readonly fields: readonly FormField[];
}

/** Throws `invalid_request`. */
export function boundaryOf(contentType: string): string {
  const match = CONTENT_TYPE.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed('its Content-Type has no plain boundary');
  return boundary;
}

/** Throws `invalid_request`. */
export function parseForm(body: Buffer, contentType: string): Form {
  const boundary = boundaryOf(contentType);
  const opening = Buffer.from(`--${boundary}\r\n`);
  if (!body.subarray(0, opening.length).equals(opening)) {
    throw malformed('it does not begin with its boundary');
  }
  const fields = parseFields(body, opening.length, Buffer.from(`\r\n--${boundary}`));
  return { boundary, fields };
}

function parseFields(body: Buffer, first: number, delimiter: Buffer): readonly FormField[] {
  const fields: FormField[] = [];
  let at = first;
  for (;;) {
    const headEnd = body.indexOf('\r\n\r\n', at);
    if (headEnd < 0 || headEnd - at > MAX_HEAD_BYTES) throw malformed('a part has no proper head');
    const start = headEnd + 4;
    const end = body.indexOf(delimiter, start);
    if (end < 0) throw malformed('its last boundary is missing');
    fields.push({ ...parseHead(body.toString('utf8', at, headEnd)), start, end });
    if (fields.length > MAX_FIELDS) throw malformed('it has too many parts');

    at = end + delimiter.length + 2;
    const mark = body.toString('latin1', at - 2, at);
    if (mark === '--') {
      const rest = body.toString('latin1', at, at + 3);
      if (rest !== '' && rest !== '\r\n') throw malformed('something follows its last boundary');
      return fields;
    }
    if (mark !== '\r\n') throw malformed('a boundary is followed by other bytes');
  }
}

/** Throws `invalid_request`. */
export function parseHead(head: string): Pick<FormField, 'name' | 'isFile'> {
  const lines = head.split('\r\n');
  if (lines.some((line) => /[\r\n]/.test(line))) throw malformed('a part has a broken line');
  let found: Pick<FormField, 'name' | 'isFile'> | undefined;
  for (const line of lines) {
    const match = DISPOSITION.exec(line);
    if (match?.[1] !== undefined && found === undefined) {
      found = { name: match[1], isFile: match[2] !== '' };
    } else if (!OTHER_HEAD.test(line)) throw malformed('a part has an unknown header');
  }
  if (found === undefined) throw malformed('a part has no name');
  return found;
}

export function malformed(why: string): AppError {
  return new AppError('invalid_request', `The form cannot be read: ${why}.`);
}
