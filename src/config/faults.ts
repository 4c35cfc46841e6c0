// What is wrong with a configuration, in words: where, what, and what to do. It never repeats a
// value, because a value may be a secret that landed in the wrong place.
import type { z } from 'zod';
import { AppError } from '../core/errors.ts';

export type OptionPath = readonly (string | number)[];

export interface Fault {
  readonly path: OptionPath;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** `pools.openai.accounts[2].name`; keys that are not plain words are quoted. */
export function formatPath(path: OptionPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const plain = /^[A-Za-z0-9_-]+$/.test(part);
    if (!plain) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** The faults that the schema found. One issue may be several faults. */
export function faultsOfIssues(issues: readonly Issue[]): readonly Fault[] {
  return issues.flatMap((issue): Fault[] => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: 'there is no such option: remove it or correct its name or indentation',
      }));
    }
    return [{ path, message: wordsFor(issue) }];
  });
}

function wordsFor(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue);
    case 'too_small':
      return `must ${boundOf(issue.origin, `at least ${String(issue.minimum)}`)}`;
    case 'too_big':
      return `must ${boundOf(issue.origin, `at most ${String(issue.maximum)}`)}`;
    case 'invalid_value':
      return `must be one of: ${issue.values.map(String).join(', ')}`;
    case 'invalid_key':
      return `its name is not allowed: ${issue.issues[0]?.message ?? 'choose another'}`;
    default:
      return issue.message;
  }
}

function wrongType(issue: Issue & { code: 'invalid_type' }): string {
  const missing = issue.message.endsWith('received undefined');
  const article = /^[aeio]/.test(issue.expected) ? 'an' : 'a';
  const kinds: Readonly<Record<string, string>> = {
    object: 'a group of options',
    record: 'a group of named entries',
    array: 'a list',
    int: 'a whole number',
    boolean: 'true or false',
  };
  const kind = kinds[issue.expected] ?? `${article} ${issue.expected}`;
  return missing ? `is missing: give ${kind}` : `must be ${kind}`;
}

function boundOf(origin: string, bound: string): string {
  if (origin === 'string') return `have ${bound} character(s)`;
  if (origin === 'array') return `have ${bound} entry(ies)`;
  return `be ${bound}`;
}

/** One error for all faults; `source` is the file's name, or what stands for it. */
export function configError(source: string, faults: readonly Fault[]): AppError {
  const lines = faults.map(({ path, message }) => {
    return path.length === 0 ? `  - ${message}` : `  - ${formatPath(path)}: ${message}`;
  });
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new AppError('config_invalid', `${source} has ${count}:\n${lines.join('\n')}`);
}
