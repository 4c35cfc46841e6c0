// Which run a request belongs to.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTemplate, templateFault } from '../../../src/core/template.ts';
import { runIdOf } from '../../../src/costs/run-id.ts';

const DEFAULT = readTemplate('{}:{}:{run}:{}:{}', 'run');

function bySession(session: string, template = '{}:{}:{run}:{}:{}') {
  return runIdOf({ run: undefined, session }, readTemplate(template, 'run'));
}

describe('a run header', () => {
  it('decides, whatever the session says', () => {
    const found = runIdOf({ run: 'run-7', session: 'a:b:c:d:e' }, DEFAULT);

    expect(found).toEqual({ kind: 'run', run: 'run-7' });
  });

  it.each(['', 'two words', 'tab\t', 'é', 'x'.repeat(129)])('is refused: %j', (run) => {
    expect(runIdOf({ run, session: 'a:b:c:d:e' }, DEFAULT)).toEqual({ kind: 'malformed_run' });
  });
});

describe('a session id', () => {
  it('of five parts has the run as its third', () => {
    expect(bySession('team:agent:run-1:step:4')).toEqual({ kind: 'run', run: 'run-1' });
  });

  it.each([
    'team:agent:run-1:step',
    'run-1',
    'a:b:c:d:e:f',
    'a:b::d:e',
    ':b:c:d:e',
    'a:b:c:d:',
    'a:b:with space:d:e',
    `a:b:${'c'.repeat(129)}:d:e`,
    `a:b:c:d:${'e'.repeat(2000)}`,
  ])('of another form yields none, never itself: %s', (session) => {
    expect(bySession(session)).toEqual({ kind: 'malformed_session' });
  });

  it('that is absent or empty is nothing to warn of', () => {
    expect(runIdOf({ run: undefined, session: undefined }, DEFAULT)).toEqual({ kind: 'none' });
    expect(bySession('')).toEqual({ kind: 'none' });
  });

  it.each([
    ['run_{run}', 'run_42', '42'],
    ['{}/{run}.json', 'team/42.json', '42'],
    ['user_{}_account_{}_session_{run}', 'user_1_account_2_session_3', '3'],
    ['{run}', 'whole', 'whole'],
  ])('is read by the pattern %s', (template, session, run) => {
    expect(bySession(session, template)).toEqual({ kind: 'run', run });
  });

  it('of any kind is read in linear time', () => {
    const template = readTemplate(`${'{}aab'.repeat(30)}{run}`, 'run');
    const session = 'a'.repeat(1024);

    const from = performance.now();
    for (let i = 0; i < 1000; i += 1) runIdOf({ run: undefined, session }, template);

    expect(performance.now() - from).toBeLessThan(1000);
  });

  it('never becomes the run id as a whole', () => {
    const sessions = fc.string({ maxLength: 60, unit: fc.constantFrom('a', ':', 'b') });

    fc.assert(
      fc.property(sessions, (session) => {
        const found = bySession(session);
        return found.kind !== 'run' || found.run !== session;
      }),
    );
  });
});

describe('a pattern', () => {
  it.each([
    ['{}:{}', 'must contain {run} once'],
    ['{run}:{run}', 'must contain {run} once'],
    ['{}{run}', 'needs a separator between two placeholders'],
    ['{other}:{run}', 'no other'],
    ['{run}:{', 'brace'],
  ])('without sense is told why: %s', (template, fault) => {
    expect(templateFault(template, 'run')).toContain(fault);
  });

  it('that is fine has no fault', () => {
    expect(templateFault('{}:{}:{run}:{}:{}', 'run')).toBeUndefined();
  });
});
