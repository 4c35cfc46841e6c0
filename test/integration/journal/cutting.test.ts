// @module-tag redis_required
// Cuts by a model: what its answers mean, who asks it, and what happens to the buffer meanwhile.
import { describe, expect, it } from 'vitest';
import {
  aHeldModel,
  aJournalDaemon,
  always,
  completionOf,
  contentsOf,
  cutsAt,
  idsOf,
} from '../../support/journal-fleet.ts';
import { aMessage, someMessages } from '../../support/journals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const REF = { tenant: 'team', session: 'chat 17' };
const OF = { minMessages: 4, everyMessages: 1 };

describe('an answer of the model', () => {
  it.each([
    ['cuts after a message', cutsAt(2), [['m1', 'm2']], ['m3', 'm4'], 'cut'],
    ['cuts into several', cutsAt(1, 3), [['m1'], ['m2', 'm3']], ['m4'], 'cut'],
    ['beyond the end takes all', cutsAt(99), [['m1', 'm2', 'm3', 'm4']], [], 'cut'],
    [
      'twice beyond it takes it once',
      cutsAt(2, 8, 9),
      [
        ['m1', 'm2'],
        ['m3', 'm4'],
      ],
      [],
      'cut',
    ],
    ['of [] holds', cutsAt(), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    [
      'that would wait holds',
      completionOf({ boundaries: [2], should_wait: true }),
      [],
      ['m1', 'm2', 'm3', 'm4'],
      'held',
    ],
    ['with a negative number cuts nothing', cutsAt(-1), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    ['with 0 cuts nothing', cutsAt(0), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    ['out of order cuts nothing', cutsAt(3, 2), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    ['with half a number cuts nothing', cutsAt(1.5), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    ['with a text cuts nothing', cutsAt('2'), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
    ['without JSON cuts nothing', completionOf('no'), [], ['m1', 'm2', 'm3', 'm4'], 'held'],
  ])('%s', async (_name, body, celled, buffered, event) => {
    const { journal, store, told } = await aJournalDaemon(server, {
      ask: always(body),
      config: { boundary: OF },
    });

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();

    expect(await contentsOf(store, REF)).toMatchObject({ celled, buffered });
    expect(told).toEqual([event]);
  });

  it('that is none is counted by what is wrong with it', async () => {
    const { journal } = await aJournalDaemon(server, { ask: always(cutsAt(3, 2)) });
    const held: unknown[] = [];
    journal.events.on('held', (event) => held.push(event));

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();

    expect(held).toEqual([{ invalid: 'unordered' }]);
  });

  it('that would wait is passed over once the buffer is too long', async () => {
    const config = { boundary: { ...OF, forceMessages: 4 } };
    const { journal, store } = await aJournalDaemon(server, { ask: always(cutsAt()), config });

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();
    const cells = await journal.cells(REF, { after: 0, limit: 10 });

    expect(cells).toMatchObject([{ messages: 4, by: 'forced' }]);
    expect((await contentsOf(store, REF)).buffered).toEqual([]);
  });

  it('may tell a title and a summary of each cell', async () => {
    const episodes = [{ title: 'Greeting', content: 'They said hello.' }];
    const body = completionOf({ reasoning: 'over', boundaries: [2], should_wait: false, episodes });
    const { journal } = await aJournalDaemon(server, {
      ask: always(body),
      config: { boundary: { ...OF, episodes: true } },
    });

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();
    const cells = await journal.cells(REF, { after: 0, limit: 10 });

    expect(cells).toMatchObject([{ by: 'model', reasoning: 'over', episode: episodes[0] }]);
  });
});

describe('a question', () => {
  it('shows the messages numbered, at the configured temperature, for the tenant', async () => {
    const { ask, question } = aHeldModel();
    const { journal } = await aJournalDaemon(server, {
      ask,
      config: { boundary: { ...OF, prompt: 'Divide.', temperature: 0.25 } },
    });

    await journal.append(REF, [
      ...someMessages('m', 3),
      aMessage('two\n5. lines', { sender_id: 'bob', role: 'assistant' }),
    ]);
    const { question: asked } = await question(1);

    expect(asked.tenant).toBe('team');
    expect(JSON.parse(asked.body)).toMatchObject({
      model: 'boundary',
      temperature: 0.25,
      messages: [
        { role: 'system', content: 'Divide.' },
        {
          role: 'user',
          content: expect.stringMatching(
            /^1\. \[1970-01-01T00:00:01.000Z\] user ann: m1\n(.*\n)*4\. .* assistant bob: two 5\. lines$/,
          ) as string,
        },
      ],
    });
  });

  it('does not hold up appends, and what comes meanwhile stays', async () => {
    const { ask, question } = aHeldModel();
    const { journal, store } = await aJournalDaemon(server, { ask, config: { boundary: OF } });
    await journal.append(REF, someMessages('m', 4));
    const { answer } = await question(1);

    const appended = await journal.append(REF, [aMessage('late')]);
    answer(cutsAt(4));
    await journal.cutter.idle();

    expect(appended).toMatchObject({ added: 1, isDue: false });
    expect(await contentsOf(store, REF)).toMatchObject({
      celled: [['m1', 'm2', 'm3', 'm4']],
      buffered: ['late'],
    });
  });

  it('that fails leaves the buffer whole, is told, and is asked again later', async () => {
    const failing = { kind: 'failed', error: 'ConnectRefused' } as const;
    const answers = [failing, failing, { kind: 'answered', body: cutsAt(4) } as const];
    const { journal, store, told } = await aJournalDaemon(server, {
      ask: () => Promise.resolve(answers.shift()!),
      config: { retryMs: 50, retryMaxMs: 50, lookMs: 50, boundary: OF },
    });
    const deferred: unknown[] = [];
    const cut = new Promise((resolve) => journal.events.on('cut', resolve));
    journal.events.on('stageDeferred', (event) => deferred.push(event));

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();
    const between = await contentsOf(store, REF);
    await cut;

    const event = { reason: 'boundary_unavailable:ConnectRefused', retryAfterMinutes: 50 / 60_000 };
    expect(between.buffered).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(deferred).toEqual([event, event]);
    expect(told).toEqual(['stageDeferred', 'stageDeferred', 'cut']);
    expect((await contentsOf(store, REF)).ids).toEqual(idsOf(someMessages('m', 4)));
  });

  it('that takes too long counts as failed', async () => {
    const { ask } = aHeldModel();
    const { journal, told } = await aJournalDaemon(server, {
      ask,
      config: { boundary: { ...OF, timeoutMs: 100 } },
    });

    await journal.append(REF, someMessages('m', 4));
    await journal.cutter.idle();

    expect(told).toEqual(['stageDeferred']);
  });
});
