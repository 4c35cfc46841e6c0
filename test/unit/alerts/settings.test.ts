// The options of alerts, and the routing that is shipped for Alertmanager.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SEVERITIES } from '../../../src/alerts/alert.ts';
import { alertsSchema } from '../../../src/config/alerts-schema.ts';

const FILE = resolve(import.meta.dirname, '../../../ops/alertmanager/alertmanager.yml');

interface Routing {
  readonly route: {
    readonly receiver: string;
    readonly group_wait: string;
    readonly routes: readonly { readonly matchers: readonly string[] }[];
  };
}

describe('the options of alerts', () => {
  it('name nobody by default', () => {
    const { alertmanager, webhooks } = alertsSchema.parse({});

    expect([alertmanager.urls, webhooks]).toEqual([[], []]);
  });

  it.each([
    ['a password in an address', { alertmanager: { urls: ['http://u:p@host:9093'] } }],
    ['another protocol', { webhooks: [{ name: 'a', url: 'file:///etc/passwd' }] }],
    ['a short secret', { webhooks: [{ name: 'a', url: 'http://h/', secret: 'short' }] }],
    ['a label that every alert has', { labels: { severity: 'P1' } }],
    ['a label that is none', { labels: { 'not-a-label': 'x' } }],
    ['pauses that shrink', { retryMinMs: 100, retryMaxMs: 50 }],
    ['a user and a token', { alertmanager: { username: 'u', bearerToken: 't' } }],
    [
      'two webhooks of one name',
      {
        webhooks: [
          { name: 'a', url: 'http://h/' },
          { name: 'a', url: 'http://g/' },
        ],
      },
    ],
  ])('refuse %s', (_what, options) => {
    expect(alertsSchema.safeParse(options).success).toBe(false);
  });

  it('take addresses from the environment as one text', () => {
    const { alertmanager } = alertsSchema.parse({
      alertmanager: { urls: 'http://a:9093, http://b:9093' },
    });

    expect(alertmanager.urls).toEqual(['http://a:9093', 'http://b:9093']);
  });
});

describe('the routing for Alertmanager', () => {
  it('waits less for a group than an alert fires at least, and knows severities', () => {
    const { route } = parse(readFileSync(FILE, 'utf8')) as Routing;

    const matched = route.routes.flatMap(({ matchers }) => matchers);
    expect(matched).toEqual(['severity="P1"', 'severity="P3"']);
    expect(SEVERITIES).toHaveLength(matched.length + 1);
    expect(Number.parseInt(route.group_wait, 10) * 1000).toBeLessThan(
      alertsSchema.parse({}).holdMs,
    );
  });
});
