// Which commands there are. How the command line ends is main.ts's matter.
import { Command } from 'commander';
import { readVersion } from '../version.ts';
import { register as registerAlerts } from './commands/alerts.ts';
import { register as registerAudit } from './commands/audit.ts';
import { register as registerBreaker } from './commands/breaker.ts';
import { register as registerCanary } from './commands/canary.ts';
import { register as registerCluster } from './commands/cluster.ts';
import { register as registerConfig } from './commands/config.ts';
import { register as registerCostsim } from './commands/costsim.ts';
import { register as registerCounters } from './commands/counters.ts';
import { register as registerDeferred } from './commands/deferred.ts';
import { register as registerExplain } from './commands/explain.ts';
import { register as registerKeys } from './commands/keys.ts';
import { register as registerLoad } from './commands/load.ts';
import { register as registerMetrics } from './commands/metrics.ts';
import { register as registerProvenance } from './commands/provenance.ts';
import { register as registerReap } from './commands/reap.ts';
import { register as registerRollout } from './commands/rollout.ts';
import { register as registerServe } from './commands/serve.ts';
import { register as registerSim } from './commands/sim.ts';
import { register as registerSwitch } from './commands/switch.ts';
import { register as registerTenants } from './commands/tenants.ts';

export function createProgram(): Command {
  const program = new Command('slotkeeper')
    .description(
      'Shares upstream LLM accounts: one atomic step takes a slot, and it always comes back.',
    )
    .version(readVersion());
  const commands = [
    registerServe,
    registerConfig,
    registerCounters,
    registerMetrics,
    registerAudit,
    registerExplain,
    registerReap,
    registerCluster,
    registerTenants,
    registerKeys,
    registerSwitch,
    registerRollout,
    registerBreaker,
    registerCostsim,
    registerCanary,
    registerAlerts,
    registerDeferred,
    registerProvenance,
    registerSim,
    registerLoad,
  ];
  for (const register of commands) register(program);
  // Each command throws instead of exiting, so that wrong usage gets its own exit code.
  for (const command of [program, ...program.commands]) command.exitOverride();
  return program;
}
