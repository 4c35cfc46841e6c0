// Which test files open a Redis, told from their sources, and whether they say so.
import type { SourceFile } from './imports.ts';

/** Calls after which a Redis server is running or connected to. */
const OPENS =
  /\b(useRedis|startEmbeddedRedis|connectRedis|startDaemon|startDaemonProcess)\(|\bnew Redis\(|startBuilt\(\s*'main\.js'|startProcess\(\s*'npm'/;
const TAG = /^\/\/ @module-tag redis_required$/m;

export interface TagFaults {
  readonly untagged: readonly string[];
  /** They claim a Redis that they do not open. */
  readonly needless: readonly string[];
}

/** `sources` are all files of test/; helpers count for the files that import them. */
export function checkTags(sources: readonly SourceFile[]): TagFaults {
  const tests = sources.filter(({ path }) => path.endsWith('.test.ts'));
  const opening = new Set(filesThatOpenRedis(sources));
  return {
    untagged: tests.filter((t) => opening.has(t.path) && !TAG.test(t.text)).map((t) => t.path),
    needless: tests.filter((t) => !opening.has(t.path) && TAG.test(t.text)).map((t) => t.path),
  };
}

export function filesThatOpenRedis(sources: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  // A test that only mentions a call in a text, as tests of this file do, wraps it in quotes.
  const opensItself = ({ text }: SourceFile): boolean => OPENS.test(withoutTexts(text));
  const opens = (path: string, trail: readonly string[]): boolean => {
    const source = byPath.get(path);
    if (source === undefined || trail.includes(path)) return false;
    // Daemons are started by a helper that many files import for other reasons: those must call.
    if (path === 'support/process.ts' && trail.length > 0) return false;
    if (opensItself(source)) return true;
    const imported = source.imports.filter(({ typeOnly }) => !typeOnly);
    return imported.some(({ to }) => opens(to, [...trail, path]));
  };
  return sources.filter(({ path }) => opens(path, [])).map(({ path }) => path);
}

function withoutTexts(text: string): string {
  return text.replace(/^\s*\/\/.*$/gm, '').replace(/`[^`]*`/g, '``');
}
