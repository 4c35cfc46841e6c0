// Every scenario, in the order in which a full run takes them.
import type { Scenario } from '../harness/scenario.ts';
import { accountsScaling } from './accounts-scaling.ts';
import { admissionScaling } from './admission-scaling.ts';
import { batchKills } from './batch-kills.ts';
import { breaker } from './breaker.ts';
import { contended } from './contended.ts';
import { deferral } from './deferral.ts';
import { estimates } from './estimates.ts';
import { failover } from './failover.ts';
import { fieldLoop } from './field-loop.ts';
import { gates } from './gates.ts';
import { handOff } from './hand-off.ts';
import { heart } from './heart.ts';
import { journal } from './journal.ts';
import { limiters } from './limiters.ts';
import { liveP99 } from './live-p99.ts';
import { memory } from './memory.ts';
import { proxies } from './proxy.ts';
import { provenanceBackfill } from './provenance-backfill.ts';
import { proxyStreams } from './proxy-streams.ts';

export const scenarios: readonly Scenario[] = [
  heart,
  accountsScaling,
  contended,
  handOff,
  gates,
  breaker,
  admissionScaling,
  ...limiters,
  fieldLoop,
  memory,
  ...proxies,
  failover,
  proxyStreams,
  ...estimates,
  provenanceBackfill,
  batchKills,
  deferral,
  liveP99,
  journal,
];
