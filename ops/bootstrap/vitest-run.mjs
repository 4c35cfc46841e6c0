// One run of vitest with its totals. It decides the order (shuffled, by a printed seed) and nothing
// about what is tested.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool, say } from './setup.mjs';

const REPORTERS = ['--reporter=default', '--reporter=json'];

/** Resolves with { passed, failed, code }; `failed` is at least 1 whenever the run was not green. */
export async function runVitest(args, env = process.env) {
  const seed = env.TEST_SEED ?? String(Math.floor(Math.random() * 1_000_000));
  const directory = mkdtempSync(join(tmpdir(), 'slotkeeper-report-'));
  const report = join(directory, 'report.json');
  say(`Tests run in shuffled order; the same order again: TEST_SEED=${seed}`);
  const order = ['--sequence.shuffle', `--sequence.seed=${seed}`];
  const output = [...REPORTERS, `--outputFile.json=${report}`];
  try {
    const code = await runTool('vitest/vitest.mjs', ['run', ...order, ...output, ...args], env);
    return { ...readTotals(report, code), code };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readTotals(report, code) {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    // A file that cannot even be loaded has no tests to count, and is a failure all the same.
    const broken = testResults.filter((file) => {
      return file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed');
    });
    const failed = numFailedTests + broken.length;
    return { passed: numPassedTests, failed: code === 0 ? failed : Math.max(1, failed) };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
