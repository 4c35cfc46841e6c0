// The journal's script, broken on purpose: what its compare-and-set is there for is seen without it.
import { loadScripts } from '../../src/redis/scripts.ts';
import type { AssembledScript } from '../../src/redis/assemble.ts';

const BREAKS = {
  /** The buffer is what the cut leaves of its snapshot: what came meanwhile is not in it. */
  'the buffer replaced as a whole': [
    [
      "redis.call('XDEL', key_journal_buffer, entry[1])",
      "redis.call('XTRIM', key_journal_buffer, 'MAXLEN', 0)",
    ],
  ],
  /** Neither version nor fence is compared, and what is not in the buffer is moved all the same. */
  'no comparison': [
    [
      'local is_ours = settings.version == state.version and settings.fence == state.fence',
      'local is_ours = true',
    ],
    [
      "redis.call('XRANGE', key_journal_buffer, number, number)[1]",
      "(redis.call('XRANGE', key_journal_buffer, number, number)[1] or " +
        "{ number .. '-0', { 'id', arg_word(i), 'm', '{}' } })",
    ],
  ],
} as const;

/** A library of its own, so that the sound one stays what it is. */
export function brokenJournal(way: keyof typeof BREAKS): AssembledScript {
  const { journal } = loadScripts();
  const library = `${journal.library}_broken_${Object.keys(BREAKS).indexOf(way)}`;
  let source = journal.source.replaceAll(journal.library, library);
  for (const [from, to] of BREAKS[way]) {
    const text = from.replace('arg_word(i)', 'ARGV[4 + i]');
    if (!source.includes(text)) throw new Error(`the script does not say: ${text}`);
    source = source.replace(text, to.replace('arg_word(i)', 'ARGV[4 + i]'));
  }
  return { ...journal, library, source };
}
