// Looks at all journals of a cell: whether each message that was accepted is in the buffer or in one
// cell. It changes nothing, and needs no running daemon.
import { cellKeys } from '../redis/keys.ts';
import type { Difference, InspectSource } from '../scheduler/inspect.ts';
import { journalSchema } from '../config/journal-schema.ts';
import { JournalStore, type Checked } from './store.ts';

export interface JournalAudit {
  readonly differences: readonly Difference[];
  readonly sessions: number;
  readonly messages: number;
}

/** Sessions whose names are read at once. */
const PAGE = 500;
/** Of checks: each is one atomic look at one session. */
const AT_ONCE = 16;

/** One atomic look a session; sessions that come meanwhile may be passed over. */
export async function auditJournals(source: InspectSource): Promise<JournalAudit> {
  const config = journalSchema.parse({});
  const store = new JournalStore({ ...source, config: () => config });
  const names = await sessionNames(source);
  const differences: Difference[] = [];
  let messages = 0;
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE);
    const found = await Promise.all(some.map((name) => store.check(name)));
    found.forEach((checked, i) => {
      messages += checked.accepted;
      differences.push(...differencesOf(some[i] ?? '', checked));
    });
  }
  return { differences, sessions: names.length, messages };
}

async function sessionNames({ redis, cell, keyStyle }: InspectSource): Promise<readonly string[]> {
  const { journalSessions } = cellKeys(cell, keyStyle);
  const names = new Set<string>();
  let cursor = '0';
  do {
    const [next, members] = await redis.zscan(journalSessions, cursor, 'COUNT', PAGE);
    // Names and scores in turn; one member is the sentinel.
    members.filter((_, i) => i % 2 === 0).forEach((name) => names.add(name));
    cursor = next;
  } while (cursor !== '0');
  return [...names].filter((name) => name.includes('/'));
}

function differencesOf(name: string, found: Checked): readonly Difference[] {
  const { accepted, there, doubled, strange } = found;
  const all = [
    {
      where: 'journal_missing',
      expected: accepted,
      found: there,
      message: 'messages that were accepted are neither in the buffer nor in a cell',
    },
    {
      where: 'journal_doubled',
      expected: 0,
      found: doubled,
      message: 'messages are in more than one place',
    },
    {
      where: 'journal_strange',
      expected: 0,
      found: strange,
      message: 'messages are there that were never accepted',
    },
  ];
  return all.filter((one) => one.expected !== one.found).map((one) => ({ ...one, name }));
}
