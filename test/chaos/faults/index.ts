// Every fault by its name, in the order in which they run; and those that wait for a part of the
// product.
import type { Fault, FutureFault } from '../fault.ts';
import { clockFaults } from './clocks.ts';
import { daemonFaults } from './daemons.ts';
import { linkFaults } from './links.ts';
import { clientFaults, upstreamFaults } from './others.ts';
import { storeFaults } from './store.ts';

export const FAULTS: readonly Fault[] = [
  ...daemonFaults,
  ...storeFaults,
  ...linkFaults,
  ...clockFaults,
  ...upstreamFaults,
  ...clientFaults,
];

export const FUTURE_FAULTS: readonly FutureFault[] = [
  { name: 'promotion-with-lag', does: 'a replica that lags 0 to 3 s becomes the primary' },
  { name: 'cluster-slots-moving', does: 'the cell’s slot moves to another node of the cluster' },
  { name: 'worker-killed-mid-job', does: 'kill -9 of a daemon that runs deferred jobs' },
  { name: 'reload-100-times', does: 'the configuration changes 100 times, a limit from 20 to 1' },
];
