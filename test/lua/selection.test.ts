// @module-tag redis_required
// Which account is chosen: load ratio first, then who was touched longest ago; tiers, targets,
// classes; within one batch as over many.
import { describe, expect, it } from 'vitest';
import type { Target } from '../../src/core/domain.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { integerBetween, seededRandom } from '../../src/sim/random.ts';
import { ChoiceModel } from '../support/choice-model.ts';
import { inFlightOf } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import { GPT4, aHeart, acquire, anAccount, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const GPT5: Target = { pool: 'openai', model: 'gpt-5' };
const CLAUDE: Target = { pool: 'anthropic', model: 'claude' };

/** Takes `count` slots, one batch each (or all in one); returns the accounts in order. */
async function chosen(
  heart: Heart,
  count: number,
  { targets = [GPT4], together = false }: { targets?: readonly Target[]; together?: boolean } = {},
): Promise<string[]> {
  const ops = Array.from({ length: count }, (_, i) =>
    acquire(`t/${heart.sequence}-${i}`, { targets }),
  );
  if (together) return (await heart.send(...ops)).map(({ account, tag }) => account ?? tag);
  const accounts: string[] = [];
  for (const op of ops) {
    const { account, tag } = await heart.ask(op);
    accounts.push(account ?? tag);
  }
  return accounts;
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe.each([
  ['over many batches', false],
  ['within one batch', true],
])('%s', (_, together) => {
  it('the load follows the limits', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'small', slots: 2 }),
      anAccount({ name: 'large', slots: 20 }),
    ]);

    const accounts = await chosen(heart, 11, { together });

    expect(countsOf(accounts)).toEqual({ small: 1, large: 10 });
  });

  it('the load follows the weights', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'light', slots: 50, weight: 1 }),
      anAccount({ name: 'heavy', slots: 50, weight: 4 }),
    ]);

    const accounts = await chosen(heart, 40, { together });

    expect(countsOf(accounts)).toEqual({ light: 8, heavy: 32 });
  });

  it('equals rotate', async () => {
    const names = ['a1', 'a2', 'a3', 'a4', 'a5'];
    const heart = await aHeart(
      store,
      names.map((name) => anAccount({ name, slots: 3 })),
    );

    const accounts = await chosen(heart, 15, { together });

    for (const round of [0, 5, 10]) {
      expect(accounts.slice(round, round + 5).sort()).toEqual(names);
    }
  });

  it('equals of different classes rotate', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'a1', slots: 3 }),
      anAccount({ name: 'a2', slots: 3, models: ['gpt-4', 'gpt-5'] }),
      anAccount({ name: 'a3', slots: 3, models: ['gpt-4', 'gpt-6'] }),
    ]);

    const accounts = await chosen(heart, 9, { together });

    for (const round of [0, 3, 6]) {
      expect(accounts.slice(round, round + 3).sort()).toEqual(['a1', 'a2', 'a3']);
    }
  });

  it('a tier is used up before the next one is touched', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'second', slots: 2, tier: 1 }),
      anAccount({ name: 'first', slots: 2, tier: 0 }),
      anAccount({ name: 'third', slots: 2, tier: 2 }),
    ]);

    const accounts = await chosen(heart, 7, { together });

    const pairs = ['first', 'second', 'third'].flatMap((name) => [name, name]);
    expect(accounts).toEqual([...pairs, 'denied']);
  });

  it('all tiers of a target come before the next target', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'b1', pool: 'anthropic', models: ['claude'] }),
      anAccount({ name: 'a2', tier: 9 }),
      anAccount({ name: 'a1' }),
    ]);

    const accounts = await chosen(heart, 4, { targets: [GPT4, CLAUDE], together });

    expect(accounts).toEqual(['a1', 'a2', 'b1', 'denied']);
  });

  it('only accounts that serve the model are chosen', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'a1', slots: 5 }),
      anAccount({ name: 'a2', slots: 1, models: ['gpt-5'] }),
    ]);

    const accounts = await chosen(heart, 2, { targets: [GPT5], together });

    expect(accounts).toEqual(['a2', 'denied']);
  });
});

describe('a later target', () => {
  it('is named in the answer with its number and model', async () => {
    const heart = await aHeart(store, [
      anAccount(),
      anAccount({ name: 'b1', pool: 'anthropic', models: ['claude'] }),
    ]);
    await heart.take('t/1');

    const told = await heart.ask(acquire('t/2', { targets: [GPT4, CLAUDE] }));

    expect(told).toMatchObject({ account: 'b1', targetIndex: 1, target: 'anthropic:claude' });
  });

  it('is used where the registry does not know the first one', async () => {
    const heart = await aHeart(store, [anAccount()]);

    const told = await heart.ask(acquire('t/1', { targets: [CLAUDE, GPT4] }));

    expect(told).toMatchObject({ tag: 'granted', account: 'a1', targetIndex: 1 });
  });
});

/** Accounts whose sets of models are all different: more of them than an acquire compares. */
function oddSets(count: number, slots: number): SchedulerAccount[] {
  return Array.from({ length: count }, (_, i) =>
    anAccount({ name: `a${i}`, slots, models: ['gpt-4', `own-${i}`] }),
  );
}

describe('more sets of models than an acquire compares', () => {
  it.each([16, 17, 40])('%i of them all serve', async (count) => {
    const heart = await aHeart(store, oddSets(count, 2));

    const accounts = await chosen(heart, 2 * count + 1, { together: true });

    const expected = Object.fromEntries(oddSets(count, 2).map(({ name }) => [name, 2]));
    expect(countsOf(accounts)).toEqual({ ...expected, denied: 1 });
  });

  it('a model of one of them alone is served by that one', async () => {
    const heart = await aHeart(store, oddSets(40, 2));

    const targets = [{ pool: 'openai', model: 'own-33' }];
    const accounts = await chosen(heart, 3, { targets });

    expect(accounts).toEqual(['a33', 'a33', 'denied']);
  });

  it('a slot that is given back is taken in the same batch, whosever it was', async () => {
    const heart = await aHeart(store, oddSets(40, 1));
    const ops = Array.from({ length: 40 }, (_, i) => acquire(`t/${i}`));
    const held = (await heart.send(...ops)).map(({ account, fence }, i) => {
      return { id: `t/${i}`, account, fence: fence! };
    });
    const given: (string | undefined)[] = [];
    const taken: (string | undefined)[] = [];

    for (const { id, account, fence } of held) {
      const [, again] = await heart.send(release(id, fence), acquire(`${id}-again`));
      given.push(account);
      taken.push(again!.account);
    }

    expect(taken).toEqual(given);
  });

  it('equals rotate among them', async () => {
    const heart = await aHeart(store, oddSets(20, 3));

    const accounts = await chosen(heart, 60);

    for (const round of [0, 20, 40]) {
      expect(new Set(accounts.slice(round, round + 20)).size).toBe(20);
    }
  });
});

const MODEL_SETS = [['gpt-4'], ['gpt-5'], ['gpt-4', 'gpt-5'], ['gpt-4', 'gpt-6']];

const POOLS: Readonly<Record<string, (below: (n: number) => number) => SchedulerAccount[]>> = {
  'one class of equals': () =>
    Array.from({ length: 12 }, (_, i) => anAccount({ name: `a${i}`, slots: 3 })),
  'mixed limits and weights': (below) =>
    Array.from({ length: 15 }, (_, i) =>
      anAccount({ name: `a${i}`, slots: 1 + below(6), weight: 1 + below(3) }),
    ),
  'tiers and several classes': (below) =>
    Array.from({ length: 24 }, (_, i) => {
      const models = MODEL_SETS[below(MODEL_SETS.length)]!;
      return anAccount({ name: `a${i}`, slots: 1 + below(4), tier: below(2), models });
    }),
  'odd sets beyond the bound': (below) =>
    oddSets(30, 1).map((account) => ({ ...account, maxConcurrency: 1 + below(3) })),
};

describe.each(Object.keys(POOLS))('compared with a look at all accounts: %s', (name) => {
  it.each([1, 2, 3])('every choice of 60 random batches is a best one (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const below = (n: number): number => integerBetween(random, 0, n - 1);
    const accounts = POOLS[name]!(below);
    const heart = await aHeart(store, accounts);
    const model = new ChoiceModel(accounts);
    const held: { id: string; fence: number; account: string }[] = [];
    const seen = { granted: 0, denied: 0 };

    for (let batch = 0; batch < 60; batch += 1) {
      const given = Array.from({ length: Math.min(held.length, below(14)) }, () => {
        return held.splice(below(held.length), 1)[0]!;
      });
      const wishes = Array.from({ length: 1 + below(16) }, (_, i) => {
        return { id: `t/${batch}-${i}`, targets: [[GPT4], [GPT5, GPT4], [GPT4, GPT5]][below(3)]! };
      });
      const told = await heart.send(
        ...given.map(({ id, fence }) => release(id, fence)),
        ...wishes.map(({ id, targets }) => acquire(id, { targets, leaseMs: 1e6 })),
      );

      model.beginBatch();
      for (const { account } of given) model.release(account);
      for (const [i, { id, targets }] of wishes.entries()) {
        const { tag, account, fence } = told[given.length + i]!;
        const best = model.best(targets);
        if (tag === 'granted') {
          expect(best, `batch ${batch}, acquire ${i}`).toContain(account);
          model.grant(account!);
          held.push({ id, fence: fence!, account: account! });
          seen.granted += 1;
        } else {
          expect([tag, best], `batch ${batch}, acquire ${i}`).toEqual(['denied', []]);
          seen.denied += 1;
        }
      }
    }

    expect(await inFlightOf(heart)).toEqual(model.inFlight());
    expect(seen.granted).toBeGreaterThan(50);
    expect(seen.denied).toBeGreaterThan(0);
  });
});
