// How large a request is, as far as costs go: its texts, what is attached to them, how many answers
// it wants and how long they may be. It reads fields that have been checked and guesses no tokens.
import { OUTPUT_LIMITS } from '../core/body-fields.ts';
import type { Size } from '../costs/estimate.ts';
import type { EndpointName } from './endpoints.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Endpoints whose answers are texts, for which the upstream counts output tokens. */
const WRITING: ReadonlySet<EndpointName> = new Set([
  'chat',
  'completions',
  'responses',
  'messages',
]);

/** Fields whose text is, or leads to, a picture, a sound or a file. */
const ATTACHED = new Set(['image_url', 'file_url', 'file_data', 'url', 'data', 'b64_json']);

/** A token of an embedding's input may come as a number. */
const CHARACTERS_PER_NUMBER = 4;

/** Of a JSON body whose depth is known to be bounded. */
export function sizeOfFields(fields: Fields, endpoint: EndpointName): Size {
  const counted = { characters: 0, attachments: 0 };
  for (const name in fields) count(name, fields[name], counted);
  return { ...counted, ...wishesOf(fields, endpoint) };
}

/** How many answers the request asks for, and how many tokens each may have. */
export function wishesOf(
  fields: Fields,
  endpoint: EndpointName,
): Pick<Size, 'answers' | 'outputLimit'> {
  const answers = Math.max(numberIn(fields, 'n') ?? 1, numberIn(fields, 'best_of') ?? 1);
  let outputLimit: number | undefined;
  for (const name of OUTPUT_LIMITS) {
    const limit = numberIn(fields, name);
    if (limit !== undefined) outputLimit = Math.max(limit, outputLimit ?? 0);
  }
  return { answers: WRITING.has(endpoint) ? answers : 0, outputLimit };
}

/** Numbers of forms come as text. */
function numberIn(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  return Number(value);
}

/** A name alone proves nothing: a long text under `data` would count for next to nothing. */
function isAttached(name: string, value: string): boolean {
  if (value.startsWith('data:')) return true;
  return ATTACHED.has(name) && /^(?:https?:\/\/\S*|[A-Za-z0-9+/_=-]*)$/.test(value);
}

function count(name: string, value: unknown, into: { characters: number; attachments: number }) {
  if (typeof value === 'string') {
    if (isAttached(name, value)) into.attachments += 1;
    else into.characters += value.length;
  } else if (typeof value === 'number') into.characters += CHARACTERS_PER_NUMBER;
  else if (Array.isArray(value)) for (const one of value) count(name, one, into);
  else if (typeof value === 'object' && value !== null) {
    const inner = value as Fields;
    // A source of type `text` holds plain text under `data`.
    const isText = inner['type'] === 'text';
    for (const key in inner) {
      into.characters += key.length;
      count(isText ? '' : key, inner[key], into);
    }
  }
}
