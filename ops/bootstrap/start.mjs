// `npm start`: set-up, then the daemon in this very process, so that signals reach it directly.
// (For the same reason package.json says `exec`: a shell in between would keep them to itself.)
import { setUp } from './setup.mjs';

const PARENT_CHECK_MS = 500;

await setUp();
endWithNpm();
const { main } = await import('../../dist/main.js');
await main(process.argv.slice(2), process.env);

/** An npm that was killed -9 passes nothing on: without it nobody could stop us by Ctrl-C. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== 'start') return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  timer.unref();
}
