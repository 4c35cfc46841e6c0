// The monitoring programs that tests use: they run, and one download serves all who ask at once.
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/redis/command.ts';
import { debianTool, type DebianTool } from '../../support/debian-tools.ts';

const TOOLS: readonly DebianTool[] = ['alertmanager', 'amtool', 'prometheus', 'promtool'];
const paths = await Promise.all(TOOLS.map((tool) => debianTool(tool)));

describe('a monitoring program for tests', () => {
  it.for(TOOLS.map((tool, at) => ({ tool, path: paths[at] })))(
    '$tool runs here, or says why it cannot',
    async ({ path }, { skip }) => {
      if (path === undefined) return skip('this machine has no way to it: see stderr');

      const answer = await runCommand(path, ['--version']);

      expect(answer.complaint + answer.stdout).toMatch(/version \d+\.\d+/);
      expect(answer.ok).toBe(true);
    },
  );
});
