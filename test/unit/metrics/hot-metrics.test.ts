// Our own counter and histogram in prom-client's registry: the text must be what its own kinds write.
import { Counter, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { HotCounter } from '../../../src/metrics/hot-counter.ts';
import { HotHistogram } from '../../../src/metrics/hot-histogram.ts';

const VALUES = [0, 0.5, 0.50001, 1, 2, 1e9];

describe('a hot histogram', () => {
  it('reads like one of prom-client with the same observations', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const options = { name: 'h', help: 'Help.', buckets: [0.5, 1], labelNames: ['pool'] as const };
    const hot = new HotHistogram({ ...options, registers: [ours] });
    const plain = new Histogram({ ...options, registers: [theirs] });

    for (const pool of ['a', 'b', 'a']) {
      for (const value of VALUES) {
        hot.observe({ pool }, value);
        plain.observe({ pool }, value);
      }
    }

    expect(await ours.metrics()).toBe(await theirs.metrics());
    expect(await ours.metrics()).toContain('h_bucket{le="+Inf",pool="a"} 12');
  });

  it('without labels is there before its first observation', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const options = { name: 'h', help: 'Help.', buckets: [0.5, 1] };

    new HotHistogram({ ...options, registers: [ours] });
    new Histogram({ ...options, registers: [theirs] });

    expect(await ours.metrics()).toBe(await theirs.metrics());
  });
});

describe('a hot counter', () => {
  it('reads like one of prom-client with the same steps', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const options = { name: 'c_total', help: 'Help.', labelNames: ['path', 'status'] as const };
    const hot = new HotCounter({ ...options, registers: [ours] });
    const plain = new Counter({ ...options, registers: [theirs] });
    const steps = [
      { path: 'a"b', status: '2xx' },
      { status: '2xx', path: 'a"b' },
      { path: '2xx', status: 'a"b' },
    ];

    for (const labels of steps) {
      hot.inc(labels);
      plain.inc(labels);
    }

    expect(await ours.metrics()).toBe(await theirs.metrics());
  });
});
