// Every fault by its name, in the order in which they run.
import type { Fault } from '../fault.ts';
import { accountFaults } from './accounts.ts';
import { clockFaults } from './clocks.ts';
import { daemonFaults } from './daemons.ts';
import { jobFaults } from './jobs.ts';
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
  ...jobFaults,
];
