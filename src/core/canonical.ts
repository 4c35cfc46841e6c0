// One text for all spellings of a JSON value: keys sorted, no spaces. Two requests that say the same
// have the same text, so that a digest of it tells whether one was seen before.

/** Of a value that JSON.parse has made; as deep as that was. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = value as Readonly<Record<string, unknown>>;
  const parts = Object.keys(fields)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name])}`);
  return `{${parts.join(',')}}`;
}
