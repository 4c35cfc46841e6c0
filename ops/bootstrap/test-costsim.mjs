// `npm run test:costsim`: cost control and alerts on a real Redis, Prometheus and Alertmanager, which
// must be there. First all parts; at the end one whole story, with the breaker's state, the queue of alerts
// and what provenance stores looked at. Its last line is `N passed, N failed`.
import process from 'node:process';
import { setUp } from './setup.mjs';
import { runVitest } from './vitest-run.mjs';

/** In the paths of tests. */
const PARTS = [
  'costsim',
  'canary',
  'alerts',
  'provenance',
  'estimat',
  'unit/ops',
  'integration/ops',
  'system/dashboards',
];
const STORY = ['system/cost-control'];

await setUp();
// With CI set a tool that is missing is a failure: nothing is left out in silence.
const env = { ...process.env, CI: 'true' };
const totals = { passed: 0, failed: 0 };
for (const paths of [PARTS, STORY]) {
  const { passed, failed } = await runVitest(paths, env);
  totals.passed += passed;
  totals.failed += failed;
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;
