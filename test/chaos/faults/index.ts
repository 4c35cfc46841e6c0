// Every fault by its name, in the order in which they run; and those that do not apply until the
// product has the part that they would break.
import type { Fault, FutureFault } from '../fault.ts';
import { accountFaults } from './accounts.ts';
import { clockFaults } from './clocks.ts';
import { daemonFaults } from './daemons.ts';
import { linkFaults } from './links.ts';
import { clientFaults, upstreamFaults } from './others.ts';
import { reloadFaults } from './reload.ts';
import { serverFaults } from './servers.ts';
import { storeFaults } from './store.ts';

export const FAULTS: readonly Fault[] = [
  ...daemonFaults,
  ...storeFaults,
  ...serverFaults,
  ...linkFaults,
  ...clockFaults,
  ...upstreamFaults,
  ...accountFaults,
  ...clientFaults,
  ...reloadFaults,
];

export const FUTURE_FAULTS: readonly FutureFault[] = [
  {
    name: 'worker-killed-mid-job',
    does: 'kill -9 of a daemon that runs deferred jobs; there are no jobs yet',
  },
];
