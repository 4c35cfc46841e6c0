// The version of the installed package, read from its package.json: the one place that states it.
import { readFileSync } from 'node:fs';

/** Works from src/ and from dist/, which lie beside package.json alike. */
export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
