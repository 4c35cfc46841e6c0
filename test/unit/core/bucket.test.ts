// Which part of all requests one belongs to: the same for the same key, evenly spread, and another
// one under another name.
import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../src/core/bucket.ts';

const KEYS = Array.from({ length: 20_000 }, (_, i) => `session-${i}`);

describe('the bucket of a key', () => {
  it('is always the same', () => {
    expect(bucketOf('canary', 'session-1')).toBe(bucketOf('canary', 'session-1'));
  });

  it.each([1, 10, 50, 99])('is below %i for about that percentage of keys', (percent) => {
    const below = KEYS.filter((key) => bucketOf('canary', key) < percent).length;

    const share = (100 * below) / KEYS.length;
    expect(Math.abs(share - percent)).toBeLessThan(1);
  });

  it('is never below 0, and always below 100', () => {
    const buckets = KEYS.map((key) => bucketOf('x', key));

    expect(Math.min(...buckets)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...buckets)).toBeLessThan(100);
  });

  it('says nothing about the bucket under another name', () => {
    const first = KEYS.filter((key) => bucketOf('one', key) < 10);

    const both = first.filter((key) => bucketOf('other', key) < 10).length;

    expect(Math.abs(both / first.length - 0.1)).toBeLessThan(0.03);
  });
});
