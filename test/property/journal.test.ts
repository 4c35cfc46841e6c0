// @module-tag redis_required
// The journal's invariant over any sequence of its steps by several holders of the lane, late ones too:
// the ids that were accepted are those of the buffer and of the cells, each once, and no cell changes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/journal/message.ts';
import type { JournalStore, Snapshot } from '../../src/journal/store.ts';
import { aJournalStore, aMessage, cellOf, S } from '../support/journals.ts';
import { useRedis } from '../support/redis.ts';

const server = useRedis();
const ALL = { after: 0, limit: 1000 };

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), texts: texts() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const), holder: holder() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('cut' as const), holder: holder(), ends: ends() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), holder: holder() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('postpone' as const), holder: holder() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Few, so that many are told again. */
function texts() {
  return fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 6 });
}

function holder() {
  return fc.integer({ min: 0, max: 2 });
}

/** Parts of what was seen, in thousandths. */
function ends() {
  return fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 3 });
}

/** What must be true after each step. */
interface Model {
  readonly accepted: Set<string>;
  /** What each holder has seen last; it may be long out of date. */
  readonly seen: Map<number, Snapshot>;
  fence: number;
  /** Ids by cell, as they were made. */
  cells: (readonly string[])[];
}

describe('a journal', () => {
  it('has every id that it accepted in the buffer or in one cell, after any steps', async () => {
    const reached = { cut: 0, stale: 0, flushed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { store, time } = aJournalStore(server, { config: { retryMs: 10 } });
        const model: Model = { accepted: new Set(), seen: new Map(), fence: 0, cells: [] };
        for (const one of steps) {
          time.ms += 7;
          await take(one, { store, model, reached });
          await compare(store, model);
        }
      }),
      { numRuns: 120 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
  });
});

interface Run {
  readonly store: JournalStore;
  readonly model: Model;
  readonly reached: { cut: number; stale: number; flushed: number };
}

async function take(one: Step, run: Run): Promise<void> {
  const { store, model, reached } = run;
  if (one.kind === 'append') {
    const messages = one.texts.map((text) => aMessage(`m${text}`));
    await store.append(S, messages);
    messages.forEach((message) => model.accepted.add(messageId(message)));
  } else if (one.kind === 'look') {
    model.fence += 1;
    const found = await store.snapshot(S, model.fence);
    if (found.kind === 'snapshot') model.seen.set(one.holder, found);
  } else if (one.kind === 'flush') {
    if ((await store.flush(S, {})).moved > 0) reached.flushed += 1;
  } else if (one.kind === 'delete') {
    await store.delete(S);
    model.accepted.clear();
    model.cells = [];
  } else {
    const seen = model.seen.get(one.holder);
    if (seen === undefined) return;
    if (one.kind === 'hold') await store.hold(S, seen);
    else if (one.kind === 'postpone') await store.postpone(S, seen, { why: 'x' });
    else await cut(seen, one.ends, run);
  }
}

async function cut(
  seen: Snapshot,
  parts: readonly number[],
  { store, reached }: Run,
): Promise<void> {
  const count = seen.messages.length;
  const places = parts.map((part) => Math.max(1, Math.ceil((count * part) / 1000)));
  const sorted = [...new Set(places)].sort((a, b) => a - b);
  const cells = sorted.map((end, i) => cellOf(seen.messages.slice(sorted[i - 1] ?? 0, end)));
  const { kind } = await store.cut(S, seen, cells);
  reached[kind] += 1;
}

async function compare(store: JournalStore, model: Model): Promise<void> {
  const { accepted } = model;
  const { messages } = await store.buffer(S, ALL);
  const cells: string[][] = [];
  for (const { number, messages: count } of await store.cells(S, ALL)) {
    const ids = (await store.celled(S, number, ALL)).map(({ id }) => id);
    expect(ids).toHaveLength(count);
    cells.push(ids);
  }
  const all = [...messages.map(({ id }) => id), ...cells.flat()];
  const size = accepted.size;

  expect([...all].sort()).toEqual([...accepted].sort());
  expect(cells.slice(0, model.cells.length)).toEqual(model.cells);
  expect(await store.check(S)).toEqual({ accepted: size, there: size, doubled: 0, strange: 0 });
  model.cells = cells;
}
