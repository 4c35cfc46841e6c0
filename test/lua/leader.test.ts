// @module-tag redis_required
// The leader's lease in the store, by an integer clock: who gets it, when, and after which losses.
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { LeaseRecord } from '../../src/leader/lease-record.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const LIFE_MS = 300;
const GAP_MS = 100;

interface Cell {
  readonly redis: Redis;
  readonly key: string;
  nowMs: number;
  daemon(holder: string): LeaseRecord;
  /** Time passes, and somebody without any claim asks now and then. */
  pass(ms: number): Promise<void>;
}

function aCell(): Cell {
  const name = store.cell();
  const daemon = (holder: string): LeaseRecord =>
    new LeaseRecord({
      redis: store.redis,
      cell: name,
      keyStyle: 'plain',
      holder,
      lifeMs: LIFE_MS,
      gapMs: GAP_MS,
      clock: () => cell.nowMs,
    });
  const cell: Cell = {
    redis: store.redis,
    key: cellKeys(name).leader,
    nowMs: 10_000_000,
    daemon,
    pass: async (ms) => {
      const bystander = daemon('bystander');
      for (let passed = 0; passed < ms; passed += Math.min(GAP_MS, ms - passed)) {
        cell.nowMs += Math.min(GAP_MS, ms - passed);
        await bystander.resign();
      }
    },
  };
  return cell;
}

/** A cell whose store has been watched for a life, so that its lease is free. */
async function aFreeCell(): Promise<Cell> {
  const cell = aCell();
  await cell.daemon('bystander').resign();
  await cell.pass(LIFE_MS);
  return cell;
}

const leads = (term: number) => ({ kind: 'leads', term });
const follows = (term: number, holder: string) => ({ kind: 'follows', term, holder });

describe('a free lease', () => {
  it('goes to the first daemon that asks, with the first term', async () => {
    const cell = await aFreeCell();

    const first = await cell.daemon('a').try(0);
    const second = await cell.daemon('b').try(0);

    expect(first).toEqual(leads(1));
    expect(second).toEqual(follows(1, 'a'));
    expect(await cell.redis.hgetall(cell.key)).toMatchObject({
      term: '1',
      holder: 'a',
      expires: String(cell.nowMs + LIFE_MS),
      now: String(cell.nowMs),
    });
  });

  it('goes to exactly one of fifty that ask at once', async () => {
    const cell = await aFreeCell();

    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => cell.daemon(`d${i}`).try(0)),
    );

    expect(answers.filter(({ kind }) => kind === 'leads')).toHaveLength(1);
  });
});

describe('a held lease', () => {
  it('keeps its term as long as its holder renews it', async () => {
    const cell = await aFreeCell();
    const [a, b] = [cell.daemon('a'), cell.daemon('b')];
    await a.try(0);
    const answers: unknown[] = [];

    for (let n = 0; n < 10; n += 1) {
      await cell.pass(LIFE_MS - 1);
      answers.push(await a.try(1), await b.try(0));
    }

    expect(answers).toEqual(Array.from({ length: 10 }, () => [leads(1), follows(1, 'a')]).flat());
  });

  it('passes on at its end and not before, with the next term', async () => {
    const cell = await aFreeCell();
    const b = cell.daemon('b');
    await cell.daemon('a').try(0);

    await cell.pass(LIFE_MS - 1);
    const before = await b.try(0);
    await cell.pass(1);
    const after = await b.try(0);

    expect(before).toEqual(follows(1, 'a'));
    expect(after).toEqual(leads(2));
  });

  it('is not renewed by its former holder once another one has it', async () => {
    const cell = await aFreeCell();
    const a = cell.daemon('a');
    await a.try(0);
    await cell.pass(LIFE_MS);
    await cell.daemon('b').try(0);

    expect(await a.try(1)).toEqual(follows(2, 'b'));
  });

  it('is taken anew, with a new term, by its own holder that does not trust it any more', async () => {
    const cell = await aFreeCell();
    const a = cell.daemon('a');
    await a.try(0);

    expect(await a.try(0)).toEqual(leads(2));
  });

  it('is free at once when its holder gives it back, and only then', async () => {
    const cell = await aFreeCell();
    const [a, b] = [cell.daemon('a'), cell.daemon('b')];
    await a.try(0);

    await b.resign();
    const before = await b.try(0);
    await a.resign();
    const after = await b.try(0);

    expect([before, after]).toEqual([follows(1, 'a'), leads(2)]);
  });

  it('that was given back is free however long nobody asked', async () => {
    const cell = await aFreeCell();
    const a = cell.daemon('a');
    await a.try(0);
    await a.resign();

    cell.nowMs += 100 * LIFE_MS;

    expect(await cell.daemon('b').try(0)).toEqual(leads(2));
  });
});

describe('a store that has lost writes', () => {
  const losses: Readonly<Record<string, (cell: Cell) => Promise<unknown>>> = {
    'has lost all': (cell) => cell.redis.del(cell.key),
    'is another server': (cell) => cell.redis.hset(cell.key, 'server', 'the-one-before'),
    'is behind what a daemon has seen': async (cell) => {
      const image = await cell.redis.hgetall(cell.key);
      await cell.daemon('b').try(0);
      await cell.daemon('a').try(1);
      await cell.redis.hset(cell.key, { ...image, beat: Number(image['beat']) - 3 });
    },
  };

  it.each(Object.entries(losses))(
    'and %s gives the lease to nobody for a life',
    async (_, lose) => {
      const cell = await aFreeCell();
      const [a, b] = [cell.daemon('a'), cell.daemon('b')];
      await a.try(0);
      await b.try(0);

      await lose(cell);
      const answers = [await b.try(0), await a.try(1)];
      await cell.pass(LIFE_MS - 1);
      answers.push(await b.try(0));
      await cell.pass(1);
      answers.push(await b.try(0));

      expect(answers).toEqual([follows(1, ''), follows(1, ''), follows(1, ''), leads(2)]);
    },
  );

  it('goes on with the highest term that any daemon that asks has seen', async () => {
    const cell = await aFreeCell();
    const [a, b] = [cell.daemon('a'), cell.daemon('b')];
    for (let n = 0; n < 7; n += 1) await a.try(0);
    await b.try(0);

    await cell.redis.del(cell.key);
    const stranger = cell.daemon('c');
    await stranger.try(0);
    await cell.pass(LIFE_MS);
    const low = await stranger.try(0);
    const known = await b.try(0);
    await cell.pass(LIFE_MS);
    const high = await b.try(0);

    // Whoever knows more than the store ends the tenure of who knew less.
    expect([low, known, high]).toEqual([leads(1), follows(7, ''), leads(8)]);
    expect(await stranger.try(1)).toEqual(follows(8, 'b'));
  });
});

describe('a clock that jumps', () => {
  it.each([GAP_MS + 1, LIFE_MS, 3_600_000, -1, -3_600_000])(
    'by %i ms gives the lease to nobody else for a life',
    async (jumpMs) => {
      const cell = await aFreeCell();
      const [a, b] = [cell.daemon('a'), cell.daemon('b')];
      await a.try(0);

      cell.nowMs += jumpMs;
      const answers = [await b.try(0)];
      await cell.pass(LIFE_MS - 1);
      answers.push(await b.try(0));
      await cell.pass(1);
      answers.push(await b.try(0));

      expect(answers).toEqual([follows(1, 'a'), follows(1, 'a'), leads(2)]);
    },
  );

  it('is no reason to refuse the holder', async () => {
    const cell = await aFreeCell();
    const a = cell.daemon('a');
    await a.try(0);

    cell.nowMs += 3_600_000;

    expect(await a.try(1)).toEqual(leads(1));
  });
});

describe('by the server’s own clock', () => {
  it('a lease is given and held as well', async () => {
    const cell = store.cell();
    const daemon = (holder: string): LeaseRecord =>
      new LeaseRecord({
        redis: store.redis,
        cell,
        keyStyle: 'plain',
        holder,
        lifeMs: 5000,
        gapMs: 2000,
      });
    const [a, b] = [daemon('a'), daemon('b')];
    await a.resign();
    // As if a life had passed.
    await store.redis.hset(cellKeys(cell).leader, 'expires', '0');

    expect([await a.try(0), await b.try(0)]).toEqual([leads(1), follows(1, 'a')]);
  });
});
