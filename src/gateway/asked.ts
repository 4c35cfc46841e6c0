// What a request asks for: the model, read from its body, and the body to send for a target's
// model. Decided and forwarded are the same bytes; only the model's name in them is ever replaced.
import { isUtf8 } from 'node:buffer';
import { AppError } from '../core/errors.ts';
import type { ProxyEndpoint } from './endpoints.ts';
import { checkField, checkName } from './fields.ts';
import { scanObject, type ObjectScan } from './json-scan.ts';
import { parseForm } from './multipart.ts';

export interface Asked {
  /** The alias that the caller used. */
  readonly model: string;
  readonly contentType: string;
  /** The body for an upstream that calls the model by `name`. */
  bodyFor(name: string): Buffer;
}

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
    bodyFor: (name) => (name === given ? body : Buffer.from(withModel(text, name, scan))),
  };
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
  for (const { name, isFile, start, end } of fields) {
    if (isFile) checkName(name);
    else checkField(name, end - start > 100 ? '' : body.toString('utf8', start, end));
  }
  const models = fields.filter(({ name }) => name === 'model');
  const [place] = models;
  if (models.length > 1 || place?.isFile === true) {
    throw new AppError('invalid_params', 'Give model once, as text.', { param: 'model' });
  }
  const given = place && body.toString('utf8', place.start, place.end);
  return {
    model: modelOf(given, endpoint),
    contentType,
    bodyFor: (name) => {
      if (name === given) return body;
      if (place === undefined) return Buffer.concat([modelPart(boundary, name), body]);
      return Buffer.concat([
        body.subarray(0, place.start),
        Buffer.from(name),
        body.subarray(place.end),
      ]);
    },
  };
}

function modelPart(boundary: string, name: string): Buffer {
  return Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n${name}\r\n`,
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
