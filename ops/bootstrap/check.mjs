// `npm run check`: types, lint (with prettier), Lua, architecture, tests; the same here and in CI.
// Every step runs, however the others end. `--no-tests` leaves out what `npm test` has just run.
import { runTool, setUp } from './setup.mjs';
import { checkLua } from './lua-check.mjs';
import { runVitest } from './vitest-run.mjs';

const steps = [
  { name: 'types', run: () => runTool('typescript/bin/tsc', ['--noEmit']) },
  { name: 'lint', run: () => runTool('eslint/bin/eslint.js', ['.']) },
  { name: 'format', run: () => runTool('prettier/bin/prettier.cjs', formatArguments()) },
  { name: 'lua', run: checkLua },
];

await setUp();
const totals = { passed: 0, failed: 0 };
for (const { name, run } of steps) {
  const started = performance.now();
  const code = await run();
  totals[code === 0 ? 'passed' : 'failed'] += 1;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
}
if (!process.argv.includes('--no-tests')) {
  // The architecture is among the tests; first and by itself it fails in a second.
  const architecture = await runVitest(['test/architecture.test.ts']);
  const tests = architecture.failed > 0 ? architecture : await runVitest([]);
  totals.passed += tests.passed;
  totals.failed += tests.failed;
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function formatArguments() {
  return ['--check', '--log-level', 'warn', '.'];
}
