// The generated reference: it is current, and it leaves nothing out.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listOptions } from '../../../src/config/options.ts';
import { configurationReference } from '../../../src/config/reference.ts';

const FILE = resolve(import.meta.dirname, '../../../docs/configuration.md');

describe('docs/configuration.md', () => {
  it('is what the schema says now (else: node dist/cli/main.js config reference > it)', () => {
    expect(readFileSync(FILE, 'utf8')).toBe(configurationReference());
  });
});

describe('the list of options', () => {
  const options = listOptions();

  it('reaches into groups, entries by name and lists', () => {
    const paths = options.map(({ path }) => path);

    expect(paths).toEqual(
      expect.arrayContaining([
        'server.port',
        'pools.<name>.accounts[].maxConcurrency',
        'pools.<name>.timeouts.idleTimeoutMs',
        'routes.<name>.targets[].model',
      ]),
    );
  });

  it('gives every variable to one option only', () => {
    const variables = options.flatMap(({ env }) => env ?? []);

    expect(new Set(variables).size).toBe(variables.length);
    expect(variables).toContain('REDIS_URL');
  });

  it('knows which options are secret', () => {
    const secret = options.filter((option) => option.secret).map(({ path }) => path);

    expect(secret).toEqual([
      'server.apiKey',
      'redis.url',
      'redis.password',
      'redis.sentinelPassword',
      'pools.<name>.credential',
      'pools.<name>.accounts[].credential',
      'tenants.<name>.keys',
      'admin.token',
      'alerts.alertmanager.password',
      'alerts.alertmanager.bearerToken',
      'alerts.webhooks[].url',
      'alerts.webhooks[].secret',
      'deferral.webhook.secret',
    ]);
  });
});
