// `npm run chaos` on a fresh clone: the project's own set-up, then the faults.
import process from 'node:process';
import { run, setUp } from '../../ops/bootstrap/setup.mjs';

await setUp();
process.exitCode = await run(process.execPath, [
  '--import',
  'tsx',
  'test/chaos/run.ts',
  ...process.argv.slice(2),
]);
