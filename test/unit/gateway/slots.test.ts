// What a daemon says at its start of slots that another one's route serves.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { tellOfSlots } from '../../../src/gateway/rules.ts';
import { createLogger } from '../../../src/log/logger.ts';

function told(aliases: readonly string[], deferral: object): string {
  const account = { name: 'a', maxConcurrency: 1 };
  const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [account] } };
  const route = { targets: [{ pool: 'p', model: 'm' }] };
  const routes = Object.fromEntries(aliases.map((alias) => [alias, route]));
  const file = JSON.stringify({ pools, routes, deferral });
  const stream = new PassThrough();
  tellOfSlots(parseConfig(file, { source: 'f', env: {} }), createLogger({ level: 'info', stream }));
  return String(stream.read() ?? '');
}

describe('a daemon at its start', () => {
  it('says that primary serves where deep has no route, by the names that they have', () => {
    const line = told(['mini'], { enabled: true, slots: { deep: 'qwen', primary: 'mini' } });

    expect(line).toContain('no route of the slot deep is configured: mini, the slot primary');
  });

  it('says nothing where each has its own, or nothing can be deferred', () => {
    const lines = [told(['deep', 'primary'], { enabled: true }), told(['primary'], {})];

    expect(lines).toEqual(['', '']);
  });
});
