// The files for containers: what they start fits together, and none of them brings a secret.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly command?: readonly string[]; readonly healthcheck?: unknown }>
  >;
}

const compose = parse(read('docker-compose.yml')) as Compose;

describe('docker-compose.yml', () => {
  it('mounts a configuration without a fault, for the limits of its upstream', () => {
    const env = { SLOTKEEPER_HOST: '0.0.0.0', SLOTKEEPER_API_KEY: 'a key only for this test' };

    const config = parseConfig(read('ops/compose/config.yaml'), { source: 'compose', env });

    const limits = config.accounts.map((one) => `--limit=${one.credential}=${one.maxConcurrency}`);
    expect(compose.services['upstream']?.command).toEqual(expect.arrayContaining(limits));
    expect(config.routes.has('gpt-4')).toBe(true);
  });

  it('runs a Redis that keeps its data and evicts nothing', () => {
    const command = compose.services['redis']?.command?.join(' ');

    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('has no key by default and publishes on loopback only', () => {
    const text = read('docker-compose.yml');

    expect(text).toMatch(/SLOTKEEPER_API_KEY: \$\{SLOTKEEPER_API_KEY:\?/);
    expect(text.match(/ports: .*/g)).toEqual(["ports: ['127.0.0.1:8080:8080']"]);
  });

  it('checks the health of what others wait for', () => {
    expect(compose.services['redis']?.healthcheck).toBeDefined();
    expect(compose.services['upstream']?.healthcheck).toBeDefined();
    expect(read('Dockerfile')).toContain('HEALTHCHECK');
  });
});

describe('the image', () => {
  it('is built from pinned images and runs as a user without rights', () => {
    const text = read('Dockerfile');

    expect(text.match(/^FROM .*/gm)).toEqual([
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-bookworm-slim AS build$/),
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-bookworm-slim$/),
    ]);
    expect(text).toMatch(/^USER node$/m);
  });
});
