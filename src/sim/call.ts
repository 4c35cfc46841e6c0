// One request as the answers need it: what was asked, and the text that will be said.
// It reads JSON and multipart bodies leniently; it is no validator of the provider's API.
import type { Behaviour } from './behaviour.ts';
import type { Bill } from './billing.ts';
import { naturalLength } from './lengths.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** A request body that could be read. */
export interface Asked {
  readonly fields: Fields;
  readonly model: string;
  readonly stream: boolean;
  /** The last message, prompt or input: what `echo` repeats and where directives stand. */
  readonly text: string;
}

export interface Call extends Asked, Bill {
  readonly serial: number;
  /** What the answer says, piece by piece: a stream sends one a chunk. */
  readonly pieces: readonly string[];
  /** The request's own maximum cut the answer. */
  readonly truncated: boolean;
  readonly streamUsage: boolean;
}

/** Whole: one body. Stream: SSE frames; closing depends on all that was said before. */
export type Answer =
  | { readonly kind: 'whole'; readonly contentType: string; readonly body: string | Buffer }
  | {
      readonly kind: 'stream';
      readonly opening: string;
      readonly delta: (piece: string) => string;
      readonly closing: () => string;
    };

export function json(value: unknown): Answer {
  return { kind: 'whole', contentType: 'application/json', body: JSON.stringify(value) };
}

/** Reads a body; undefined when it is no JSON object and no form. */
export function readAsked(body: Buffer, contentType: string): Asked | undefined {
  const fields = contentType.startsWith('multipart/form-data')
    ? readForm(body, contentType)
    : readJson(body);
  if (fields === undefined) return undefined;
  const model = typeof fields['model'] === 'string' ? fields['model'] : 'sim-model';
  const stream = fields['stream'] === true || fields['stream'] === 'true';
  return { fields, model, stream, text: lastText(fields) };
}

function readJson(body: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The plain fields of a form; files are only told by their absence here. */
function readForm(body: Buffer, contentType: string): Fields | undefined {
  const boundary = /boundary="?([^";]{1,200})"?/.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of body.toString('latin1').split(`--${boundary}`)) {
    const end = part.indexOf('\r\n\r\n');
    const head = part.slice(0, end);
    const name = /[; ]name="([^"]{1,100})"/.exec(head)?.[1];
    if (end < 0 || name === undefined || head.includes('filename=')) continue;
    fields[name] = Buffer.from(part.slice(end + 4, -2), 'latin1').toString();
  }
  return fields;
}

function lastText(fields: Fields): string {
  const { messages, prompt, input } = fields;
  return textOf(messages ?? input ?? prompt ?? '');
}

/** The text of a string, of the last of a list, of a message or of a content part. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return textOf(value.at(-1) ?? '');
  if (!isFields(value)) return '';
  return textOf(value['content'] ?? value['text'] ?? '');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface Saying {
  readonly serial: number;
  readonly behaviour: Behaviour;
  readonly model: string;
  readonly bodyBytes: number;
  /** Of natural lengths; 0 by default. */
  readonly seed?: number;
}

/** Decides what will be said, and bills it by its bytes. */
export function callOf(asked: Asked, saying: Saying): Call {
  const { serial, behaviour, model, bodyBytes, seed = 0 } = saying;
  const { fields, stream, text } = asked;
  const isNatural = behaviour.lengths === 'natural';
  const tokens = isNatural ? naturalLength(asked, model, seed) : behaviour.tokens;
  const all = piecesOf({ ...behaviour, tokens }, text);
  const most = ownMaximum(fields);
  const pieces = all.length > most ? all.slice(0, most) : all;
  return {
    fields,
    stream,
    text,
    model: behaviour.reportedModel ?? model,
    serial,
    pieces,
    outputTokens: pieces.length,
    cachedTokens: 0,
    truncated: all.length > most,
    // Four bytes a token, counted over the whole body: simple, and the same every time.
    promptTokens: Math.max(1, Math.ceil(bodyBytes / 4)),
    streamUsage: behaviour.streamUsage === 'always' || wantsUsage(fields),
  };
}

const VOCABULARY = 'slots are leased never counted twice and they always come back'.split(' ');

/** Most answers are a beginning of this one. */
const SPEECH = speech(1024);

function piecesOf({ reply, tokens }: Behaviour, text: string): readonly string[] {
  const said = reply === 'echo' ? text : reply;
  if (said !== null) return said.match(/\s*\S+|\s+$/g) ?? [said];
  return tokens <= SPEECH.length ? SPEECH.slice(0, tokens) : speech(tokens);
}

function speech(tokens: number): readonly string[] {
  return Array.from({ length: tokens }, (_, index) => {
    const word = VOCABULARY[index % VOCABULARY.length] ?? '';
    return index === 0 ? word : ` ${word}`;
  });
}

function ownMaximum(fields: Fields): number {
  const most =
    fields['max_completion_tokens'] ?? fields['max_output_tokens'] ?? fields['max_tokens'];
  return typeof most === 'number' && most >= 1 ? Math.floor(most) : Infinity;
}

function wantsUsage(fields: Fields): boolean {
  const options = fields['stream_options'];
  return isFields(options) && options['include_usage'] === true;
}

/** Seconds since 1970, as OpenAI's `created` has them. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
