// Questions put together: which go in one call, whose answer is whose, and what a failed call leaves.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Gathered } from '../../../src/deferral/gathered.ts';

describe('questions', () => {
  it('of one turn go in one call, up to its bound, and each gets its own answer', async () => {
    const calls: (readonly number[])[] = [];
    const gathered = new Gathered<number, string>({
      most: 2,
      call: (questions) => {
        calls.push(questions);
        return Promise.resolve(questions.map((question) => `answer ${question}`));
      },
    });

    const answers = await Promise.all([1, 2, 3].map((question) => gathered.ask(question)));

    expect(calls).toEqual([[1, 2], [3]]);
    expect(answers).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  it('of the next turn do not wait for the answers of the one before', async () => {
    const calls: (readonly number[])[] = [];
    const gathered = new Gathered<number, string>({
      most: 2,
      call: (questions) => {
        calls.push(questions);
        return new Promise(() => undefined);
      },
    });

    void gathered.ask(1);
    await nextTurn();
    void gathered.ask(2);
    await nextTurn();

    expect(calls).toEqual([[1], [2]]);
  });

  it('of a call that fails are all refused, and the next ones are asked again', async () => {
    let isAway = true;
    const gathered = new Gathered<number, number>({
      most: 10,
      call: (questions) =>
        isAway ? Promise.reject(new Error('away')) : Promise.resolve([...questions]),
    });

    const refused = await Promise.allSettled([gathered.ask(1), gathered.ask(2)]);
    isAway = false;
    const answer = await gathered.ask(3);

    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(answer).toBe(3);
  });
});
