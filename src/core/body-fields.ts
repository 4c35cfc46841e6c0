// The rules for the outermost fields of a request's body, as plain words: which of them move the
// destination or its credential, which decide, and what the numbers may say that decide about costs.
// Callers' bodies and configured defaults keep to the same rules. It throws nothing.

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

/** How many tokens an answer may have: several names for one thing, by endpoint and by age. */
export const OUTPUT_LIMITS = [
  'max_completion_tokens',
  'max_output_tokens',
  'max_tokens',
  'max_tokens_to_sample',
] as const;

/** Fields that the gateway decides by. */
const DECISIVE = new Set(['model', 'stream', ...LIMITS.keys()]);

const PLAIN_NAME = /^[a-z0-9_]*$/;

/** What is wrong with a field of a caller; undefined for nothing. Numbers of forms come as text. */
export function fieldFault(name: string, value: unknown): string | undefined {
  return nameFault(name) ?? limitFault(name, value);
}

/** For fields whose value does not matter, such as files. */
export function nameFault(name: string): string | undefined {
  const plain = PLAIN_NAME.test(name);
  const folded = plain ? name : fold(name);
  if (REFUSED.has(withoutDashes(folded))) {
    return 'This field is not accepted: the configuration decides where requests go.';
  }
  if (!plain && DECISIVE.has(folded)) return `Spell this field exactly "${folded}".`;
  return undefined;
}

/** What is wrong with a configured default for a field that callers left out. */
export function parameterFault(name: string, value: unknown): string | undefined {
  if (!/^[a-z][a-z0-9_]{0,99}$/.test(name)) return 'is no name of a field: use a-z, 0-9 and _';
  if (name === 'model') return 'cannot be a default: a target has its own `model`';
  if (name === 'stream') return 'cannot be a default: the caller must expect what it gets';
  if (name === 'n' || name === 'best_of') {
    return 'cannot be a default: a caller must ask itself to pay for more than one answer';
  }
  if (nameFault(name) !== undefined) return 'cannot be a default: accounts say where requests go';
  return limitFault(name, value);
}

function limitFault(name: string, value: unknown): string | undefined {
  const limit = LIMITS.get(name);
  if (limit === undefined || value === null || value === undefined) return undefined;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  const isWithin = Number.isInteger(number) && Number(number) >= 0 && Number(number) <= limit;
  return isWithin ? undefined : `${name} must be an integer from 0 to ${limit}.`;
}

/** Most names have none: looking is cheaper than replacing. */
function withoutDashes(name: string): string {
  return name.includes('_') || name.includes('-') ? name.replaceAll(/[_-]/g, '') : name;
}

/** Upper case first: some letters beyond ASCII (ſ, K) have a plain one as their other case. */
function fold(name: string): string {
  return name.replace(/\[.*$/s, '').trim().toUpperCase().toLowerCase();
}
