// The lines that the daemon prints when it is ready.
import { describe, expect, it } from 'vitest';
import { bannerText } from '../../src/banner.ts';
import { demoConfig } from '../../src/config/load.ts';

const FACTS = {
  version: '1.2.3',
  url: 'http://127.0.0.1:8080',
  redis: { socketPath: '/x/.slotkeeper/redis.sock', cliCommand: '/bin/redis-cli -s /x/s' },
  startMs: 432,
};

describe('the banner', () => {
  it('names the address, lines to try, Redis and the counter of the first route', () => {
    const text = bannerText(demoConfig({ env: {} }), { ...FACTS, simUrl: 'http://127.0.0.1:9' });

    expect(text.split('\n').slice(0, 8)).toEqual([
      'Slotkeeper 1.2.3 is ready at http://127.0.0.1:8080 (0.4 s)',
      'Demo: no configuration file, so http://127.0.0.1:9 plays the upstream',
      '',
      "  curl     curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' " +
        `-d '{"model":"gpt-4","messages":[{"role":"user","content":"Hello"}]}'`,
      "  OpenAI   new OpenAI({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: 'unused' })",
      '  Redis    /x/.slotkeeper/redis.sock',
      '  counter  /bin/redis-cli -s /x/s GET concurrency:openai:gpt-4',
      '',
    ]);
  });

  it('names the variable of a key that callers need, and never the key', () => {
    const config = demoConfig({ env: { SLOTKEEPER_API_KEY: 'a-key-of-sixteen-letters' } });

    const text = bannerText(config, FACTS);

    expect(text).toContain('-H "authorization: Bearer $SLOTKEEPER_API_KEY"');
    expect(text).toContain('apiKey: process.env.SLOTKEEPER_API_KEY');
    expect(text).not.toContain('a-key-of-sixteen-letters');
  });

  it('says that a Redis was given when it was', () => {
    const redis = { socketPath: undefined, cliCommand: 'redis-cli -u "$REDIS_URL"' };

    const text = bannerText(demoConfig({ env: {} }), { ...FACTS, redis });

    expect(text).toContain('  Redis    as given by REDIS_URL');
    expect(text).toContain('redis-cli -u "$REDIS_URL" GET concurrency:openai:gpt-4');
  });

  it('says which cluster it is, and how its counters are named there', () => {
    const env = { SLOTKEEPER_REDIS_MODE: 'cluster', SLOTKEEPER_REDIS_NODES: 'one:7000' };
    const redis = { socketPath: undefined, cliCommand: 'redis-cli -c -h one -p 7000' };

    const text = bannerText(demoConfig({ env }), { ...FACTS, redis });

    expect(text).toContain('  Redis    The Redis Cluster of one:7000');
    expect(text).toContain('redis-cli -c -h one -p 7000 GET concurrency:{main}:openai:gpt-4');
  });
});
