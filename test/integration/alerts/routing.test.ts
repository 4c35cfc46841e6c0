// The routing that is shipped for Alertmanager, by Alertmanager's own check.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/redis/command.ts';
import { debianTool } from '../../support/debian-tools.ts';

const FILE = resolve(import.meta.dirname, '../../../ops/alertmanager/alertmanager.yml');
const amtool = (await debianTool('amtool')) ?? '';

describe.skipIf(amtool === '')('the routing for Alertmanager', () => {
  it('is one that amtool accepts', async () => {
    const check = await runCommand(amtool, ['check-config', FILE]);

    expect(check.complaint + check.stdout).toContain('SUCCESS');
    expect(check.ok).toBe(true);
  });

  it.each([
    ['P1', 'at-once'],
    ['P2', 'today'],
    ['P3', 'worth-knowing'],
  ])('leads %s to %s', async (severity, receiver) => {
    const asked = ['config', 'routes', 'test', `--config.file=${FILE}`, `severity=${severity}`];

    const answer = await runCommand(amtool, asked);

    expect(answer.stdout.trim()).toBe(receiver);
  });
});
