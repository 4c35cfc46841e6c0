// @module-tag redis_required
// Why the move compares before it moves: the same races with a script that does not, seen to lose
// messages and to double them.
import { describe, expect, it } from 'vitest';
import { brokenJournal } from '../../support/broken-journal.ts';
import { aHeldModel, aJournalDaemon, contentsOf, cutsAt } from '../../support/journal-fleet.ts';
import { aMessage, someMessages } from '../../support/journals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const REF = { tenant: 'team', session: 's1' };

describe('a journal with', () => {
  it('the buffer replaced as a whole loses what came while the model thought', async () => {
    const check = await raceWith(brokenJournal('the buffer replaced as a whole'), 'append');

    expect(check).toMatchObject({ accepted: 4, there: 3 });
  });

  it('no comparison doubles what a flush has taken while the model thought', async () => {
    const check = await raceWith(brokenJournal('no comparison'), 'flush');

    expect(check).toMatchObject({ accepted: 3, there: 3, doubled: 3 });
  });

  it.each(['append', 'flush'] as const)('the script as it is bears the %s', async (meanwhile) => {
    const check = await raceWith(undefined, meanwhile);

    expect(check).toMatchObject({ doubled: 0, strange: 0 });
    expect(check.there).toBe(check.accepted);
  });
});

/** Something happens to a buffer of three while a model is asked, which then takes all of them. */
async function raceWith(
  script: ReturnType<typeof brokenJournal> | undefined,
  meanwhile: 'append' | 'flush',
) {
  const { ask, question } = aHeldModel();
  const { journal, store } = await aJournalDaemon(server, { ask, ...(script && { script }) });
  await journal.append(REF, someMessages('m', 3));
  const { answer } = await question(1);
  if (meanwhile === 'append') await journal.append(REF, [aMessage('late')]);
  else await journal.flush(REF);
  answer(cutsAt(3));
  await journal.cutter.idle();
  return (await contentsOf(store, REF)).check;
}
