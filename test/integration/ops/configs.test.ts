// The shipped configurations of Prometheus and Alertmanager, and the composition, as their own
// programs read them.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { debianTool } from '../../support/debian-tools.ts';
import { OPS } from '../../support/rules.ts';

const run = promisify(execFile);
const [promtool, amtool] = [await debianTool('promtool'), await debianTool('amtool')];
const hasCompose = await run('docker', ['compose', 'version']).then(
  () => true,
  () => false,
);

describe.skipIf(promtool === undefined)('ops/prometheus/prometheus.yml', () => {
  it('is a configuration that promtool accepts', async () => {
    const file = join(OPS, 'prometheus/prometheus.yml');

    // The token's file is in the container alone.
    const { stdout } = await run(promtool ?? '', ['check', 'config', '--syntax-only', file]);

    expect(stdout).toContain('SUCCESS');
  });
});

describe.skipIf(amtool === undefined)('ops/alertmanager/alertmanager.yml', () => {
  const file = join(OPS, 'alertmanager/alertmanager.yml');

  it('is a configuration that amtool accepts', async () => {
    const { stdout } = await run(amtool ?? '', ['check-config', file]);

    expect(stdout).toContain('SUCCESS');
  });

  it.each([
    ['P1', 'at-once'],
    ['P2', 'today'],
    ['P3', 'worth-knowing'],
  ])('sends %s to %s', async (severity, receiver) => {
    const labels = [`severity=${severity}`, 'alertname=CostSimV2HighDrift', 'cell=main'];
    const args = ['config', 'routes', 'test', `--config.file=${file}`, ...labels];

    const { stdout } = await run(amtool ?? '', args);

    expect(stdout.trim()).toBe(receiver);
  });
});

describe.skipIf(!hasCompose)('docker-compose.yml', () => {
  const file = resolve(OPS, '../docker-compose.yml');
  const secrets = {
    SLOTKEEPER_API_KEY: 'a key only for this test',
    SLOTKEEPER_ADMIN_TOKEN: 'a token only for this test',
    GRAFANA_PASSWORD: 'a password only for this test',
  };
  const config = (env: Readonly<Record<string, string>>) =>
    run('docker', ['compose', '-f', file, 'config'], {
      env: { PATH: process.env['PATH'], ...env },
    });

  it('is a composition that Docker accepts', async () => {
    const { stdout } = await config(secrets);

    expect(stdout).toContain('slotkeeper');
  });

  it.each(Object.keys(secrets))('names %s where it is missing', async (name) => {
    const others = Object.fromEntries(Object.entries(secrets).filter(([key]) => key !== name));

    await expect(config(others)).rejects.toThrow(name);
  });
});
