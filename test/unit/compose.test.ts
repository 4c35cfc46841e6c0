// The files for containers: what they start fits together, is pinned, and brings no secret.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { SHEETS, fileOf } from '../../ops/grafana/src/sheets.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
  readonly healthcheck?: unknown;
  readonly deploy?: { readonly replicas: number };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly environment: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const text = read('docker-compose.yml');
const compose = parse(text) as Compose;
const services = Object.entries(compose.services);

interface Job {
  readonly job_name: string;
  readonly authorization: { readonly credentials_file: string };
  readonly dns_sd_configs: readonly { readonly names: readonly string[]; readonly port: number }[];
}

interface PrometheusConfig {
  readonly alerting: {
    readonly alertmanagers: readonly {
      readonly static_configs: readonly { readonly targets: readonly string[] }[];
    }[];
  };
  readonly scrape_configs: readonly Job[];
}

describe('docker-compose.yml', () => {
  it('starts two daemons and all that an operator needs beside them', () => {
    expect(Object.keys(compose.services).sort()).toEqual([
      'alertmanager',
      'grafana',
      'prometheus',
      'redis',
      'slotkeeper',
      'upstream',
    ]);
    expect(compose.services['slotkeeper']?.deploy?.replicas).toBe(2);
  });

  it('mounts a configuration without a fault, for the limits of its upstream', () => {
    const env = { SLOTKEEPER_HOST: '0.0.0.0', SLOTKEEPER_API_KEY: 'a key only for this test' };

    const config = parseConfig(read('ops/compose/config.yaml'), { source: 'compose', env });

    const limits = config.accounts.map((one) => `--limit=${one.credential}=${one.maxConcurrency}`);
    expect(compose.services['upstream']?.command).toEqual(expect.arrayContaining(limits));
    expect(config.routes.has('gpt-4')).toBe(true);
    expect(config.budget).toBeDefined();
  });

  it('runs a Redis that keeps its data and evicts nothing', () => {
    const command = compose.services['redis']?.command?.join(' ');

    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('has no secret by default, and says which one is missing', () => {
    const variables = [...text.replaceAll(/^#.*$/gm, '').matchAll(/\$\{(\w+)([^}]*)\}/g)];

    expect(variables.map(([, name]) => name)).toEqual([
      'SLOTKEEPER_API_KEY',
      'SLOTKEEPER_ADMIN_TOKEN',
      'GRAFANA_PASSWORD',
    ]);
    for (const [, name, rest] of variables) expect(rest, name).toMatch(/^:\?set it to .+/);
    const values = services.flatMap(([, one]) => Object.entries(one.environment ?? {}));
    const secret = values.filter(([name]) => /KEY|TOKEN|PASSWORD|SECRET/.test(name));
    for (const [name, value] of secret) expect(value, name).toMatch(/^\$\{/);
  });

  it('publishes on loopback only', () => {
    const ports = services.flatMap(([, one]) => one.ports ?? []);

    expect(ports.length).toBeGreaterThan(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('pins every image', () => {
    for (const [name, { image, build }] of services) {
      if (build === undefined) expect(image, name).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?$/);
      else expect(build, name).toBe('.');
    }
  });

  it('checks the health of everything, and waits for it', () => {
    // The image of our own has its check for the daemon.
    const unchecked = services.filter(([, one]) => one.healthcheck === undefined);
    expect(unchecked.map(([name]) => name)).toEqual(['slotkeeper']);
    expect(read('Dockerfile')).toContain('HEALTHCHECK');

    for (const [, one] of services) {
      for (const [name, { condition }] of Object.entries(one.depends_on ?? {})) {
        expect(compose.services[name], name).toBeDefined();
        expect(condition).toBe('service_healthy');
      }
    }
  });

  it('mounts only files that are there and volumes that it declares', () => {
    const mounts = services.flatMap(([, one]) => one.volumes ?? []);
    const sources = mounts.map((mount) => mount.split(':')[0] ?? '');

    const [files, volumes] = [
      sources.filter((source) => source.startsWith('.')),
      sources.filter((source) => !source.startsWith('.')),
    ];
    expect(files.filter((file) => !existsSync(resolve(ROOT, file)))).toEqual([]);
    expect(volumes.sort()).toEqual(Object.keys(compose.volumes).sort());
  });
});

describe('what the containers are configured with', () => {
  const prometheus = parse(read('ops/prometheus/prometheus.yml')) as PrometheusConfig;

  it('lets Prometheus find the daemons, with the token that it is given', () => {
    const [job] = prometheus.scrape_configs;
    const [secret = ''] = compose.services['prometheus']?.secrets ?? [];

    expect(job).toMatchObject({
      job_name: 'slotkeeper',
      authorization: { credentials_file: `/run/secrets/${secret}` },
      dns_sd_configs: [{ names: ['slotkeeper'], port: 8080 }],
    });
    expect(compose.secrets[secret]).toEqual({ environment: 'SLOTKEEPER_ADMIN_TOKEN' });
    expect(read('Dockerfile')).toContain('EXPOSE 8080');
  });

  it('lets Prometheus and the daemons send alerts to the Alertmanager', () => {
    const targets = prometheus.alerting.alertmanagers.flatMap((one) =>
      one.static_configs.flatMap((config) => config.targets),
    );

    expect(targets).toEqual(['alertmanager:9093']);
    const { environment } = compose.services['slotkeeper'] ?? {};
    expect(environment?.['SLOTKEEPER_ALERTMANAGER_URLS']).toBe('http://alertmanager:9093');
  });

  it('gives Grafana the dashboards and where to ask', () => {
    const sources = parse(read('ops/grafana/provisioning/datasources/prometheus.yml')) as {
      readonly datasources: readonly { readonly type: string; readonly url: string }[];
    };
    const { providers } = parse(read('ops/grafana/provisioning/dashboards/slotkeeper.yml')) as {
      readonly providers: readonly { readonly options: { readonly path: string } }[];
    };
    const mounts = compose.services['grafana']?.volumes ?? [];

    expect(sources.datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090' },
    ]);
    expect(mounts).toContain(`./ops/grafana/dashboards:${providers[0]?.options.path}:ro`);
    const home =
      compose.services['grafana']?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'];
    expect(SHEETS.map((sheet) => `${providers[0]?.options.path}/${fileOf(sheet)}`)).toContain(home);
  });
});

describe('the image', () => {
  it('is built from pinned images and runs as a user without rights', () => {
    const file = read('Dockerfile');

    expect(file.match(/^FROM .*/gm)).toEqual([
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-bookworm-slim AS build$/),
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-bookworm-slim$/),
    ]);
    expect(file).toMatch(/^USER node$/m);
  });

  it('is given nothing but what it is built of', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)];

    const names = copied.flatMap(([, all = '']) => all.split(' '));
    expect(allowed.map((line) => line.slice(1)).sort()).toEqual([...new Set(names)].sort());
  });
});
