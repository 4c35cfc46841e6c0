// The knobs of the simulator: bounds, precedence, and the draw of each request's fate.
import { expect, test } from 'vitest';
import {
  behaviourPatch,
  DEFAULT_BEHAVIOUR,
  drawFate,
  drawMs,
  patched,
  plainModel,
  requestPatch,
  type BehaviourInput,
} from '../../src/sim/behaviour.ts';
import { seededRandom } from '../../src/sim/random.ts';

function behaviour(input: BehaviourInput) {
  return patched(DEFAULT_BEHAVIOUR, behaviourPatch.parse(input));
}

test('a range may be a number, two numbers in text, or an object', () => {
  const ranges = [20, '20', '50..200', { min: 1, max: 2 }].map(
    (latencyMs) => behaviour({ latencyMs }).latencyMs,
  );

  expect(ranges).toEqual([
    { min: 20, max: 20 },
    { min: 20, max: 20 },
    { min: 50, max: 200 },
    { min: 1, max: 2 },
  ]);
});

test.each(['-1', '200..50', 'soon', '1..2..3', '99999999999'])(
  'the range %j is out of bounds',
  (latencyMs) => {
    expect(behaviourPatch.safeParse({ latencyMs }).success).toBe(false);
  },
);

test('the directive wins over headers, and headers over the suffix of the model', () => {
  const patch = requestPatch({
    model: 'gpt-4@sim:latency=1,tokens=1,status=500',
    headers: { 'x-sim-latency': '2', 'x-sim-tokens': '2', 'x-other': '9' },
    text: 'Hello [sim latency=3 retry-after=70] there',
  });

  expect(patch).toEqual({
    latencyMs: { min: 3, max: 3 },
    tokens: 2,
    status: 500,
    retryAfterMs: 70,
  });
});

test('unknown words are skipped and values out of bounds turn nothing', () => {
  const unknown = requestPatch({ model: 'm', headers: {}, text: '[sim colour=red tokens=3]' });
  const wild = requestPatch({ model: 'm', headers: {}, text: '[sim status=200 tokens=3]' });
  const polluting = requestPatch({
    model: 'm',
    headers: {},
    text: '[sim __proto__=1 constructor=2]',
  });

  expect(unknown).toEqual({ tokens: 3 });
  expect(wild).toEqual({});
  expect(polluting).toEqual({});
});

test('the suffix is no part of the model', () => {
  expect(plainModel('gpt-4@sim:status=500')).toBe('gpt-4');
  expect(plainModel('gpt-4')).toBe('gpt-4');
});

test('the shares of errors and faults are those that were asked for', () => {
  const shares = behaviour({
    errorRate: 0.2,
    errorStatuses: '500,529',
    resetRate: 0.1,
    cutRate: 0.1,
    hangRate: 0.05,
  });
  const random = seededRandom(7);
  const seen = new Map<string, number>();

  for (let index = 0; index < 20_000; index += 1) {
    const fate = drawFate(shares, random);
    const name = fate.kind === 'error' ? String(fate.status) : fate.kind;
    seen.set(name, (seen.get(name) ?? 0) + 1 / 20_000);
  }

  expect(seen.get('500')).toBeCloseTo(0.1, 1);
  expect(seen.get('529')).toBeCloseTo(0.1, 1);
  expect(seen.get('reset')).toBeCloseTo(0.1, 1);
  expect(seen.get('cut')).toBeCloseTo(0.1, 1);
  expect(seen.get('hang')).toBeCloseTo(0.05, 1);
  expect(seen.get('answer')).toBeCloseTo(0.55, 1);
});

test('a fixed status or fault leaves nothing to chance', () => {
  expect(drawFate(behaviour({ status: 503, errorRate: 0 }), () => 0.9)).toEqual({
    kind: 'error',
    status: 503,
  });
  expect(drawFate(behaviour({ fault: 'stall' }), () => 0.9)).toEqual({ kind: 'stall' });
});

test('the same seed gives the same sequence, another seed another one', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 8 }, () => drawMs({ min: 0, max: 1_000_000 }, random));
  };

  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test('a drawn duration reaches both ends of its range and never leaves it', () => {
  const random = seededRandom(3);

  const drawn = new Set(Array.from({ length: 500 }, () => drawMs({ min: 5, max: 8 }, random)));

  expect([...drawn].sort()).toEqual([5, 6, 7, 8]);
});
