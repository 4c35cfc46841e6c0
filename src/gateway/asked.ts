// What a request asks for: the model, read from its body, and the body to send for a target's
// model. Decided and forwarded are the same bytes; only the model's name in them is ever replaced,
// and fields are put before them that the caller left out and the target's configuration fills in.
import { isUtf8 } from 'node:buffer';
import type { BodyDefaults } from '../config/routes-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Size } from '../costs/estimate.ts';
import { missingFields } from './defaults.ts';
import type { ProxyEndpoint } from './endpoints.ts';
import { checkField, checkName } from './fields.ts';
import { scanObject, type ObjectScan } from './json-scan.ts';
import { parseForm, type FormField } from './multipart.ts';
import { sessionsIn, type BodySessions } from './session.ts';
import { sizeOfFields, wishesOf } from './size.ts';

export interface Asked {
  /** The alias that the caller used. */
  readonly model: string;
  readonly contentType: string;
  /** Whether the answer is to be a stream of events. */
  readonly wantsStream: boolean;
  /** How much it sends and wants, as far as costs go. */
  readonly size: Size;
  /** Where it may name its session. */
  readonly sessions: BodySessions;
  /** The body for an upstream that calls the model by `name`, with what its caller has left out. */
  bodyFor(name: string, defaults?: BodyDefaults): Buffer;
}

const MAX_TEXT_BYTES = 100;

/** Throws `invalid_request`, `invalid_params` or `unsupported_media_type`. */
export function readAsked(body: Buffer, contentType: string, endpoint: ProxyEndpoint): Asked {
  if (!/^multipart\//i.test(contentType)) return readJson(body, endpoint);
  if (endpoint.multipart) return readForm(body, contentType, endpoint);
  throw new AppError('unsupported_media_type', 'Send the body as application/json.');
}

/** Whatever its declared type: plain `curl -d` calls everything a form. */
function readJson(body: Buffer, endpoint: ProxyEndpoint): Asked {
  if (!isUtf8(body)) throw notAnObject();
  const text = body.toString('utf8');
  const scan = scanObject(text);
  const fields = parseObject(text);
  const names = Object.keys(fields);
  if (names.length !== scan.keys) {
    throw new AppError('invalid_params', 'A field of the body is given more than once.');
  }
  for (const name of names) checkField(name, fields[name]);
  const { model: given } = fields;
  // A string that the scan did not find has an escape in its key, which no client writes.
  if (given !== undefined && scan.model === undefined) throw noModel();
  return {
    model: modelOf(given, endpoint),
    contentType: 'application/json',
    wantsStream: fields['stream'] === true,
    size: sizeOfFields(fields, endpoint.name),
    sessions: sessionsIn(fields),
    bodyFor: (name, defaults) => {
      const missing = missingFields(names, defaults);
      if (name === given && missing.length === 0) return body;
      const renamed = name === given ? text : withModel(text, name, scan);
      return Buffer.from(withFields(renamed, missing));
    },
  };
}

/** `text`, which names a model, with more fields before all others. */
function withFields(text: string, fields: ReturnType<typeof missingFields>): string {
  const open = text.indexOf('{') + 1;
  const added = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},`);
  return text.slice(0, open) + added.join('') + text.slice(open);
}

/** `text` with another model. Writing all of it anew from its parse would round large numbers. */
function withModel(text: string, name: string, { model, keys }: ObjectScan): string {
  const value = JSON.stringify(name);
  if (model !== undefined) return text.slice(0, model.start) + value + text.slice(model.end);
  const open = text.indexOf('{') + 1;
  const comma = keys === 0 ? '' : ',';
  return `${text.slice(0, open)}"model":${value}${comma}${text.slice(open)}`;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notAnObject();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject();
  return value as Readonly<Record<string, unknown>>;
}

function readForm(body: Buffer, contentType: string, endpoint: ProxyEndpoint): Asked {
  const { boundary, fields } = parseForm(body, contentType);
  const texts = checkedTexts(body, fields);
  const models = fields.filter(({ name }) => name === 'model');
  const [place] = models;
  if (models.length > 1 || place?.isFile === true) {
    throw new AppError('invalid_params', 'Give model once, as text.', { param: 'model' });
  }
  const given = place && body.toString('utf8', place.start, place.end);
  const names = fields.map(({ name }) => name);
  return {
    model: modelOf(given, endpoint),
    contentType,
    wantsStream: false,
    size: { ...sizeOfForm(fields), ...wishesOf(texts, endpoint.name) },
    sessions: sessionsIn(texts),
    bodyFor: (name, defaults) => {
      const missing = missingFields(names, defaults).map(([field, value]) => {
        return formPart(boundary, field, typeof value === 'string' ? value : JSON.stringify(value));
      });
      if (name === given) return missing.length === 0 ? body : Buffer.concat([...missing, body]);
      if (place === undefined)
        return Buffer.concat([...missing, formPart(boundary, 'model', name), body]);
      return Buffer.concat([
        ...missing,
        body.subarray(0, place.start),
        Buffer.from(name),
        body.subarray(place.end),
      ]);
    },
  };
}

/** The short texts of a form, by name; long ones are prompts and decide nothing. */
function checkedTexts(
  body: Buffer,
  fields: readonly FormField[],
): Readonly<Record<string, string>> {
  const texts: [string, string][] = [];
  for (const { name, isFile, start, end } of fields) {
    if (isFile) checkName(name);
    else {
      const text = end - start > MAX_TEXT_BYTES ? '' : body.toString('utf8', start, end);
      checkField(name, text);
      texts.push([name, text]);
    }
  }
  return Object.fromEntries(texts);
}

function sizeOfForm(fields: readonly FormField[]): Pick<Size, 'characters' | 'attachments'> {
  const texts = fields.filter(({ isFile }) => !isFile);
  const characters = texts.reduce((sum, { start, end }) => sum + end - start, 0);
  return { characters, attachments: fields.length - texts.length };
}

function formPart(boundary: string, name: string, value: string): Buffer {
  return Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
}

function modelOf(given: unknown, endpoint: ProxyEndpoint): string {
  const model = given === undefined ? endpoint.defaultModel : given;
  if (typeof model === 'string' && model !== '') return model;
  throw noModel();
}

function noModel(): AppError {
  const message = 'Say which model to use: a field "model" with a non-empty string.';
  return new AppError('invalid_params', message, { param: 'model' });
}

function notAnObject(): AppError {
  return new AppError('invalid_request', 'The body must be a JSON object in UTF-8.');
}
