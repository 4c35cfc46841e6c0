// The choice that asks nobody: by share of the slots, in the first tier, of what is enabled.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { PlainChoice } from '../../../src/rollout/plain-choice.ts';

function aChoice(accounts: readonly object[]): PlainChoice {
  const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts } };
  const text = JSON.stringify({ pools });
  return new PlainChoice(parseConfig(text, { source: 'test', env: {} }).accounts);
}

const TARGET = { pool: 'p', model: 'm' };

describe('a plain choice', () => {
  it('takes each account by its slots times its weight', () => {
    const choice = aChoice([
      { name: 'a', maxConcurrency: 1 },
      { name: 'b', maxConcurrency: 3, weight: 2 },
      { name: 'c', maxConcurrency: 3 },
    ]);

    const picked = Array.from({ length: 10 }, (_, i) => choice.pick(TARGET, { random: i / 10 }));

    expect(picked.join('')).toBe('abbbbbbccc');
  });

  it('passes over what is disabled, of another tier, or of another model', () => {
    const choice = aChoice([
      { name: 'off', maxConcurrency: 9, enabled: false },
      { name: 'later', maxConcurrency: 9, priority: 1 },
      { name: 'other', maxConcurrency: 9, models: ['n'] },
      { name: 'a', maxConcurrency: 1 },
    ]);

    const picked = Array.from({ length: 20 }, (_, i) => choice.pick(TARGET, { random: i / 20 }));

    expect(new Set(picked)).toEqual(new Set(['a']));
    expect(choice.pick({ pool: 'p', model: 'unknown' })).toBeUndefined();
  });

  it('passes over who was tried, until nobody is left', () => {
    const choice = aChoice([
      { name: 'a', maxConcurrency: 1 },
      { name: 'b', maxConcurrency: 1 },
    ]);

    const next = choice.pick(TARGET, { tried: new Set(['a']) });
    const none = choice.pick(TARGET, { tried: new Set(['a', 'b']) });

    expect([next, none]).toEqual(['b', undefined]);
  });
});
