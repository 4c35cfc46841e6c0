// When an upstream wants to be asked again: every form in which providers say so.
import { describe, expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from '../../../src/upstream/retry-after.ts';

const NOW = 'Sat, 21 Nov 2026 12:00:00 GMT';

function wait(headers: Readonly<Record<string, string>>): number | undefined {
  return retryAfterMs({ date: NOW, ...headers });
}

describe('the time to wait', () => {
  it.each([
    ['retry-after', '7', 7000],
    ['retry-after', '0.25', 250],
    ['retry-after', 'Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['retry-after-ms', '1234', 1234],
    ['retry-after-ms', '0.2', 1],
    ['x-ratelimit-reset-requests', '1m30s', 90_000],
    ['x-ratelimit-reset-requests', '6ms', 6],
    ['x-ratelimit-reset-tokens', '1h0m0.5s', 3_600_000],
    ['x-ratelimit-reset-tokens', '2m59.56s', 179_560],
    ['x-ratelimit-reset-tokens', '59', 59_000],
    ['x-ratelimit-reset', '1795262430', 30_000],
    ['x-ratelimit-reset', '1795262430000', 30_000],
    ['anthropic-ratelimit-requests-reset', '2026-11-21T12:00:20Z', 20_000],
    ['anthropic-ratelimit-input-tokens-reset', '2026-11-21T12:00:00.500Z', 500],
  ])('is read from %s: %s', (name, value, ms) => {
    expect(wait({ [name]: value })).toBe(ms);
  });

  it.each([
    '',
    ' ',
    '-3',
    '0',
    'soon',
    '1e9',
    '0x10',
    'Sat, 21 Nov 2026 11:00:00 GMT',
    '9'.repeat(200),
  ])('is not made up from "%s"', (value) => {
    expect(wait({ 'retry-after': value })).toBeUndefined();
    expect(wait({ 'x-ratelimit-reset-tokens': value })).toBeUndefined();
  });

  it('is nothing where nothing is said', () => {
    expect(wait({})).toBeUndefined();
  });

  it('is never longer than an hour', () => {
    expect(wait({ 'retry-after': '86400' })).toBe(MAX_RETRY_AFTER_MS);
    expect(wait({ 'retry-after-ms': '9'.repeat(90) })).toBe(MAX_RETRY_AFTER_MS);
  });

  it('is the most exact that is told', () => {
    const headers = {
      'retry-after-ms': '1500',
      'retry-after': '2',
      'x-ratelimit-reset-requests': '9s',
    };

    expect(wait(headers)).toBe(1500);
    expect(wait({ ...headers, 'retry-after-ms': 'x' })).toBe(2000);
    expect(wait({ ...headers, 'retry-after-ms': 'x', 'retry-after': '0' })).toBe(9000);
  });

  it('is the reset of the rate that has nothing left, the later one of two', () => {
    const headers = {
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '8s',
      'anthropic-ratelimit-output-tokens-remaining': '0',
      'anthropic-ratelimit-output-tokens-reset': '2026-11-21T12:00:12Z',
    };

    expect(wait(headers)).toBe(12_000);
    expect(wait({ ...headers, 'anthropic-ratelimit-output-tokens-remaining': '4' })).toBe(8000);
  });

  it('is the earliest reset where none says that nothing is left', () => {
    expect(wait({ 'x-ratelimit-reset-requests': '5s', 'x-ratelimit-reset-tokens': '200ms' })).toBe(
      200,
    );
  });

  it('is told by this machine’s clock only where the upstream tells no time', () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();

    const ms = retryAfterMs({ 'retry-after': inAMinute }) ?? 0;

    expect(ms).toBeGreaterThan(55_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });
});
