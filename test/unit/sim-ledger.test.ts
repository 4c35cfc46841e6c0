// The count that the overselling oracle rests on.
import { expect, test } from 'vitest';
import { Ledger, type Visit } from '../../src/sim/ledger.ts';

function aLedger(limits: Record<string, number>): Ledger {
  const ledger = new Ledger();
  ledger.setLimits(limits);
  return ledger;
}

function enter(ledger: Ledger, credential: string): Visit {
  const admission = ledger.admit(credential);
  if (admission.kind !== 'admitted') throw new Error(`expected a visit, got ${admission.kind}`);
  return admission.visit;
}

test('the high-water mark keeps the most requests that were inside at a time', () => {
  const ledger = aLedger({ key: 5 });

  const first = enter(ledger, 'key');
  enter(ledger, 'key');
  first.end('answered');
  enter(ledger, 'key');

  expect(ledger.inFlight('key')).toBe(2);
  expect(ledger.highWater('key')).toBe(2);
});

test('a request beyond the limit is refused and seen in the high-water mark', () => {
  const ledger = aLedger({ key: 1 });
  enter(ledger, 'key');

  const second = ledger.admit('key');

  expect(second).toEqual({ kind: 'over_limit', limit: 1 });
  expect(ledger.highWater('key')).toBe(2);
  expect(ledger.inFlight('key')).toBe(1);
  expect(ledger.stats()[0]).toMatchObject({ total: 2, rejected: 1 });
});

test('a visit ends once, and its first end decides whether it was aborted', () => {
  const ledger = aLedger({ key: 2 });
  const visit = enter(ledger, 'key');
  enter(ledger, 'key');

  visit.end('answered');
  visit.end('aborted');

  expect(ledger.inFlight('key')).toBe(1);
  expect(ledger.stats()[0]?.aborted).toBe(0);
});

test('an undeclared credential is unknown as soon as any limit is declared', () => {
  const declared = aLedger({ key: 1 });
  const open = aLedger({});

  expect(declared.admit('other').kind).toBe('unknown');
  expect(declared.unknown).toBe(1);
  expect(open.admit('other').kind).toBe('admitted');
  expect(open.stats()[0]?.limit).toBeNull();
});

test('limits are kept per credential and can be changed and removed while requests run', () => {
  const ledger = aLedger({ big: 20, small: 2 });
  enter(ledger, 'big');
  enter(ledger, 'big');

  ledger.setLimits({ big: 1, small: null });

  expect(ledger.admit('big').kind).toBe('over_limit');
  expect(ledger.knows('small')).toBe(false);
  expect(ledger.inFlight('big')).toBe(2);
});

test('a reset starts the counts again from what is inside', () => {
  const ledger = aLedger({ key: 3 });
  const visits = [enter(ledger, 'key'), enter(ledger, 'key'), enter(ledger, 'key')];
  ledger.admit('key');
  visits[0]?.end('aborted');

  ledger.reset();

  expect(ledger.stats()).toEqual([
    { credential: 'key', limit: 3, inFlight: 2, highWater: 2, total: 2, rejected: 0, aborted: 0 },
  ]);
});

test('undeclared credentials beyond the bound share one entry', () => {
  const ledger = aLedger({});

  for (let index = 0; index < 10_050; index += 1) ledger.admit(`key-${index}`);

  expect(ledger.stats().length).toBe(10_001);
  expect(ledger.inFlight('(others)')).toBe(50);
});
