// Every scenario, in the order in which a full run takes them.
import type { Scenario } from '../harness/scenario.ts';
import { accountsScaling } from './accounts-scaling.ts';
import { fieldLoop } from './field-loop.ts';
import { heart } from './heart.ts';
import { limiters } from './limiters.ts';
import { memory } from './memory.ts';
import { proxies } from './proxy.ts';
import { proxyStreams } from './proxy-streams.ts';

export const scenarios: readonly Scenario[] = [
  heart,
  accountsScaling,
  ...limiters,
  fieldLoop,
  memory,
  ...proxies,
  proxyStreams,
];
