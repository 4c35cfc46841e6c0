// `npm run load -- OPTIONS`: set-up, then `slotkeeper load` in this very process.
import { setUp } from './setup.mjs';

await setUp();
process.argv.splice(2, 0, 'load');
await import('../../dist/cli/main.js');
