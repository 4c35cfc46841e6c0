// `npm test`: set-up, then all suites. Further arguments go to vitest (`npm test -- test/unit`).
// Its last line is `N passed, N failed`, and its exit code says the same.
import { setUp } from './setup.mjs';
import { runVitest } from './vitest-run.mjs';

await setUp();
const { passed, failed } = await runVitest(process.argv.slice(2));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
