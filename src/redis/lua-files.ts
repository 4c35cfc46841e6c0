// The files of lua/ and the modules that they fill. It reads them and refuses to know what they say.
import { readFileSync } from 'node:fs';

const LUA_DIRECTORY = new URL('../../lua/', import.meta.url);

export function readLua(file: string): string {
  return readFileSync(new URL(file, LUA_DIRECTORY), 'utf8');
}

/** A file fills the module table that bears its name. */
export function moduleOf(file: string): string {
  return file.replace(/^.*\//, '').replace(/\.lua$/, '');
}
