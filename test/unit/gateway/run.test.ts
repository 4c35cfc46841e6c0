// Which run a request carries, and where that lets it go.
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../../src/core/errors.ts';
import { readTemplate } from '../../../src/core/template.ts';
import type { Destination } from '../../../src/gateway/destination.ts';
import { GatewayEmitter } from '../../../src/gateway/events.ts';
import { runIn, stayWith, type RunRules } from '../../../src/gateway/run.ts';

const SESSION = readTemplate('{}:{}:{run}:{}:{}', 'run');
const EVERYWHERE = ['header', 'user', 'metadata.session_id', 'metadata.user_id'] as const;

function read(
  headers: Record<string, string>,
  body = {},
  sources: RunRules['sessionFrom'] = EVERYWHERE,
) {
  const events = new GatewayEmitter();
  const warned = vi.fn();
  events.on('sessionWithoutRun', warned);
  const rules = { session: SESSION, sessionFrom: sources, memory: undefined };
  return { run: runIn(headers, body, { rules, events }), warnings: warned.mock.calls.length };
}

describe('the run of a request', () => {
  it('is named by its header, before any session', () => {
    const headers = { 'x-slotkeeper-run': 'r', 'x-slotkeeper-session': 'a:b:c:d:e' };

    expect(read(headers)).toEqual({ run: 'r', warnings: 0 });
  });

  it('is a part of the first session that the configured places hold', () => {
    const body = { user: 'a:b:by-user:d:e', 'metadata.user_id': 'a:b:by-id:d:e' };

    expect(read({}, body).run).toBe('by-user');
    expect(read({}, body, ['metadata.user_id', 'user']).run).toBe('by-id');
    expect(read({ 'x-slotkeeper-session': 'a:b:by-header:d:e' }, body).run).toBe('by-header');
  });

  it('is none where the configuration does not look', () => {
    expect(read({}, { user: 'a:b:c:d:e' }, ['header'])).toEqual({ run: undefined, warnings: 0 });
  });

  it('is none, with a warning, where the session has another form', () => {
    expect(read({ 'x-slotkeeper-session': 'a:b:c' })).toEqual({ run: undefined, warnings: 1 });
  });

  it('is the caller’s mistake where its header is malformed', () => {
    expect(() => read({ 'x-slotkeeper-run': 'two words' })).toThrow(AppError);
    expect(() => read({ 'x-slotkeeper-run': '' })).toThrow('1 to 128 printable');
  });
});

describe('a run', () => {
  const both: Destination = {
    alias: 'm',
    targets: [
      { pool: 'a', model: 'm' },
      { pool: 'b', model: 'm' },
    ],
    provider: undefined,
  };
  const providers = new Map([
    ['a', true],
    ['b', true],
    ['off', false],
  ]);
  const poolsWith = (provider: string | undefined, destination = both) =>
    stayWith(provider, destination, { routes: new Map(), providers }).targets.map(
      ({ pool }) => pool,
    );

  it('stays with its provider', () => {
    expect(poolsWith('b')).toEqual(['b']);
  });

  it('goes where its route leads while it has none', () => {
    expect(poolsWith(undefined)).toEqual(['a', 'b']);
  });

  it('goes where its route leads when its provider is not among it, or not in use', () => {
    const withDisabled = { ...both, targets: [...both.targets, { pool: 'off', model: 'm' }] };

    expect(poolsWith('gone')).toEqual(['a', 'b']);
    expect(poolsWith('off', withDisabled)).toEqual(['a', 'b', 'off']);
  });
});
