// `npm run leader` on a fresh clone: the project's own set-up, then the runs. Numbers may follow:
// runs in simulated time (476), in real processes (24), and the first seed (1).
import process from 'node:process';
import { run, setUp } from '../../ops/bootstrap/setup.mjs';

await setUp();
process.exitCode = await run(process.execPath, [
  '--import',
  'tsx',
  'test/leader/run.ts',
  ...process.argv.slice(2),
]);
