// The rules of Prometheus as Prometheus itself reads them: by its own promtool.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { debianTool } from '../../support/debian-tools.ts';
import { caseFiles, ruleFiles } from '../../support/rules.ts';

const run = promisify(execFile);
const promtool = await debianTool('promtool');

describe.skipIf(promtool === undefined)('the rules of ops/prometheus', () => {
  it('are rules that promtool accepts', async () => {
    const { stdout } = await run(promtool ?? '', ['check', 'rules', ...ruleFiles()]);

    expect(stdout.match(/SUCCESS/g)).toHaveLength(ruleFiles().length);
  });

  it('fire, and are silent, in each of their cases', async () => {
    const { stdout } = await run(promtool ?? '', ['test', 'rules', ...caseFiles()]);

    expect(stdout.match(/SUCCESS/g)).toHaveLength(caseFiles().length);
  });
});
