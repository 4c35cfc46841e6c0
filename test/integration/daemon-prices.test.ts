// @module-tag redis_required
// What a daemon with a budget says about prices when it starts.
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { startDaemon } from '../../src/daemon.ts';
import { createLogger } from '../../src/log/logger.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** The warnings of a daemon whose pool `p` serves a known model and one of the house. */
async function warningsWith(more: Readonly<Record<string, unknown>>) {
  const file = {
    server: { port: 0 },
    redis: { url: store.url },
    scheduler: { cell: store.cell(), recoveryMs: 0 },
    pools: {
      p: {
        baseUrl: 'http://127.0.0.1:9/v1',
        models: ['gpt-4o', 'house-model'],
        accounts: [{ name: 'p1', maxConcurrency: 1 }],
      },
    },
    ...more,
  };
  const config = parseConfig(JSON.stringify(file), { source: 'test', env: {} });
  const stream = new PassThrough();
  const daemon = await startDaemon({
    config,
    env: process.env,
    logger: createLogger({ level: 'warn', stream }),
  });
  onTestFinished(() => daemon.stop());
  const lines = String(stream.read() ?? '').split('\n');
  return lines
    .filter((line) => line.includes('no price'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a daemon that starts with a budget', () => {
  it('lists the models that have no price', async () => {
    const warnings = await warningsWith({ budget: { currency: 'USD' } });

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ level: 'warn', models: ['p/house-model'] });
    expect(warnings[0]!['message']).toContain('budget.unpriced is refuse');
  });

  it('is silent when all have one', async () => {
    const prices = { 'house-model': { input: 0, output: 0 } };

    expect(await warningsWith({ budget: { currency: 'USD' }, prices })).toEqual([]);
  });
});

describe('a daemon without a budget', () => {
  it('asks for no price', async () => {
    expect(await warningsWith({})).toEqual([]);
  });
});
