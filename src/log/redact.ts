// Makes any value safe to write to a log: secrets out, cycles cut, depth and size bounded.
// The last step before the sink, so that no caller has to remember it. It refuses nothing and
// never throws: what cannot be read is replaced by a short note.

const REDACTED = '[redacted]';
const MAX_DEPTH = 8;
const MAX_ENTRIES = 100;
const MAX_NODES = 2000;
const MAX_TEXT_LENGTH = 8192;
const MAX_TOTAL_TEXT_LENGTH = 65_536;

/** Compared with a key in lower case without `-` and `_`. `tokens` (a count) is not a secret. */
const SECRET_KEY =
  /(?:authorization|apikey|cookie|credentials?|passw(?:or)?d|passphrase|secret|privatekey|(?:^|access|refresh|auth|bearer|csrf|id)token)$/;

/** What any secret's name contains: most keys are spared the work of the pattern above. */
const SECRET_KEY_HINT = /auth|key|cookie|credential|pass|secret|token/i;

/** What any of the texts below contains: most texts are spared their one pass each. */
const SECRET_TEXT_HINT =
  /:\/\/|bearer|basic|cookie|authorization|api[-_]?key|passw|credential|secret|(?:sk|pk|rk|xai)[-_]|AIza/i;

/** Every repetition before a fixed word is bounded: hostile text must not cost quadratic time. */
const SECRET_TEXTS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // userinfo of a URL: scheme://user:password@host
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"']*@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  // a header or a field inside a text: authorization: …, "x-api-key":"…", api_key=…, cookie: …
  [/\b(cookie|set-cookie)(["']?\s*[:=]\s*["']?)[^\r\n"']+/gi, `$1$2${REDACTED}`],
  [
    /\b([\w-]{0,40}(?:authorization|api[-_]?key|password|passwd|credential|secret))(\\?["']?\s*[:=]\s*\\?["']?)(?!\[redacted\]|(?:bearer|basic)\s)[^\s"',;&\\}]+/gi,
    `$1$2${REDACTED}`,
  ],
  // the field's key formats: sk-…, sk-ant-…, sk_live_…, gsk_…, xai-…, AIza…
  [/(?<![A-Za-z0-9])(?:sk|gsk|pk|rk|xai)[-_][\w-]{6,}/g, REDACTED],
  [/\bAIza[\w-]{20,}/g, REDACTED],
];

/** `text` without anything that looks like a secret, at most 8 KiB of it. */
export function redactText(text: string): string {
  const bounded =
    text.length > MAX_TEXT_LENGTH
      ? `${text.slice(0, MAX_TEXT_LENGTH)}… (${text.length} characters)`
      : text;
  if (!SECRET_TEXT_HINT.test(bounded)) return bounded;
  return SECRET_TEXTS.reduce(
    (current, [pattern, replacement]) => current.replace(pattern, replacement),
    bounded,
  );
}

/** A copy of `value` made of plain JSON types, without secrets. `names` may serve many calls. */
export function redact(value: unknown, names: KnownNames = new Map()): unknown {
  return copy(value, {
    names,
    depth: 0,
    ancestors: new Set(),
    budget: { nodes: MAX_NODES, textLength: MAX_TOTAL_TEXT_LENGTH },
  });
}

interface Walk {
  readonly names: KnownNames;
  readonly depth: number;
  /** The objects on the way from the root: only a real cycle is cut, not a repeated value. */
  readonly ancestors: ReadonlySet<object>;
  readonly budget: { nodes: number; textLength: number };
}

function copy(value: unknown, walk: Walk): unknown {
  if (typeof value === 'string') return copyText(value, walk);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value === undefined ? undefined : `[${typeof value}]`;
  if (walk.ancestors.has(value)) return '[circular]';
  if (walk.depth >= MAX_DEPTH || walk.budget.nodes <= 0) return '[too deep or too large]';
  walk.budget.nodes -= 1;
  const inner = {
    names: walk.names,
    depth: walk.depth + 1,
    ancestors: new Set(walk.ancestors).add(value),
    budget: walk.budget,
  };
  return copyObject(value, inner);
}

function copyText(text: string, walk: Walk): string {
  const result = redactText(text);
  walk.budget.textLength -= result.length;
  return walk.budget.textLength < 0 ? '[too large]' : result;
}

function copyObject(value: object, walk: Walk): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return copyArray(value, walk);
  if (value instanceof Map) return copyFields(value.entries(), walk);
  if (value instanceof Set) return copyArray([...value], walk);
  if (value instanceof Error) return copyFields(errorFields(value), walk);
  return copyFields(ownFields(value), walk);
}

/** Node gives headers as [name, value, name, value]: the value after a secret's name goes too. */
function copyArray(items: readonly unknown[], walk: Walk): unknown[] {
  return items
    .slice(0, MAX_ENTRIES)
    .map((item, index) => (isSecretName(items[index - 1]) ? REDACTED : copy(item, walk)));
}

function copyFields(fields: Iterable<readonly [unknown, unknown]>, walk: Walk): unknown {
  const result: Record<string, unknown> = {};
  let room = MAX_ENTRIES;
  for (const [key, value] of fields) {
    if (room-- === 0) break;
    const { name, isSecret } =
      typeof key === 'string' ? nameOf(key, walk.names) : strangeName(key, walk);
    // Assigned, this one key of a stranger would replace the prototype instead.
    if (name !== '__proto__') result[name] = isSecret ? REDACTED : copy(value, walk);
  }
  return result;
}

interface FieldName {
  readonly name: string;
  readonly isSecret: boolean;
}

/** Field names that were looked at: those of our own lines come again with each of them. */
export type KnownNames = Map<string, FieldName>;

const MAX_KNOWN_NAMES = 500;

function nameOf(key: string, names: KnownNames): FieldName {
  const known = names.get(key);
  if (known !== undefined) return known;
  const field = { name: redactText(key), isSecret: isSecretName(key) };
  if (names.size < MAX_KNOWN_NAMES) names.set(key, field);
  return field;
}

function strangeName(key: unknown, walk: Walk): FieldName {
  return { name: String(copy(key, walk)), isSecret: false };
}

function isSecretName(name: unknown): boolean {
  if (typeof name !== 'string' || !SECRET_KEY_HINT.test(name)) return false;
  return SECRET_KEY.test(name.toLowerCase().replace(/[-_]/g, ''));
}

/** Message, stack and cause are not enumerable, so a plain copy of an error would lose them. */
function* errorFields(error: Error): Iterable<readonly [string, unknown]> {
  yield ['name', readField(error, 'name')];
  yield ['message', readField(error, 'message')];
  yield ['stack', readField(error, 'stack')];
  if ('cause' in error) yield ['cause', readField(error, 'cause')];
  for (const [key, value] of ownFields(error)) {
    if (!['name', 'message', 'stack', 'cause'].includes(key)) yield [key, value];
  }
  if (error instanceof AggregateError) yield ['errors', error.errors];
}

function ownFields(value: object): readonly (readonly [string, unknown])[] {
  return Object.keys(value).map((key) => [key, readField(value, key)]);
}

function readField(value: object, key: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>>)[key];
  } catch {
    return '[unreadable]';
  }
}
