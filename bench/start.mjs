// `npm run bench` on a fresh clone: the project's own set-up, then the bench itself.
import process from 'node:process';
import { run, setUp } from '../ops/bootstrap/setup.mjs';

await setUp();
process.exitCode = await run(process.execPath, [
  '--import',
  'tsx',
  'bench/run.ts',
  ...process.argv.slice(2),
]);
