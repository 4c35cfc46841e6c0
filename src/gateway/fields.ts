// What the outermost fields of a request may say. Fields that would move the destination or its
// credential are refused, so are second spellings of the fields that we decide by: an upstream
// that reads keys in any case would decide otherwise than we did.
import { AppError } from '../core/errors.ts';

/** Names in lower case without `_` and `-`: some servers take these from the body. */
const REFUSED = new Set([
  'apibase',
  'apikey',
  'apitype',
  'apiversion',
  'awsaccesskeyid',
  'awsbedrockruntimeendpoint',
  'awssecretaccesskey',
  'awssessiontoken',
  'azureadtoken',
  'azureendpoint',
  'baseurl',
  'customllmprovider',
  'defaultheaders',
  'extraheaders',
  'extraquery',
  'headers',
  'httpclient',
  'litellmparams',
  'modellist',
  'organization',
  'proxy',
  'vertexcredentials',
]);

const MAX_TOKENS = 10_000_000;
const MAX_CHOICES = 128;

/** Largest value of the numbers that decide what a request may cost. */
const LIMITS: ReadonlyMap<string, number> = new Map([
  ['max_tokens', MAX_TOKENS],
  ['max_completion_tokens', MAX_TOKENS],
  ['max_output_tokens', MAX_TOKENS],
  ['max_tokens_to_sample', MAX_TOKENS],
  ['n', MAX_CHOICES],
  ['best_of', MAX_CHOICES],
]);

/** Fields that the gateway decides by. */
const DECISIVE = new Set(['model', 'stream', ...LIMITS.keys()]);

const PLAIN_NAME = /^[a-z0-9_]*$/;

/** Throws `invalid_params` naming the field. Numbers of forms come as text. */
export function checkField(name: string, value: unknown): void {
  checkName(name);
  const limit = LIMITS.get(name);
  if (limit === undefined || value === null || value === undefined) return;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (!Number.isInteger(number) || (number as number) < 0 || (number as number) > limit) {
    throw invalid(name, `${name} must be an integer from 0 to ${limit}.`);
  }
}

/** For fields whose value does not matter, such as files. */
export function checkName(name: string): void {
  const plain = PLAIN_NAME.test(name);
  const folded = plain ? name : fold(name);
  if (REFUSED.has(withoutDashes(folded))) {
    throw invalid(name, 'This field is not accepted: the configuration decides where requests go.');
  }
  if (!plain && DECISIVE.has(folded)) {
    throw invalid(name, `Spell this field exactly "${folded}".`);
  }
}

/** Most names have none: looking is cheaper than replacing. */
function withoutDashes(name: string): string {
  return name.includes('_') || name.includes('-') ? name.replaceAll(/[_-]/g, '') : name;
}

/** Upper case first: some letters beyond ASCII (ſ, K) have a plain one as their other case. */
function fold(name: string): string {
  return name.replace(/\[.*$/s, '').trim().toUpperCase().toLowerCase();
}

function invalid(name: string, message: string): AppError {
  return new AppError('invalid_params', message, { param: name.slice(0, 100) });
}
