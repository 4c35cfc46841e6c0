// A proxy before the simulated upstream, which holds the one credential to the same number of
// concurrent requests as the account has slots and keeps count: the judge outside of the product.
import { expect, onTestFinished } from 'vitest';
import type { Simulator } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { eventually } from './eventually.ts';
import {
  startGateway,
  UPSTREAM_KEY,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.ts';
import type { TestRedis } from './redis.ts';

export interface SimulatedProxy {
  readonly proxy: TestGateway;
  readonly sim: Simulator;
}

export async function aSimulatedProxy(
  store: TestRedis,
  options: Partial<TestGatewayOptions> = {},
): Promise<SimulatedProxy> {
  const { slots = 2 } = options;
  const sim = await startSimulator({
    limits: { [UPSTREAM_KEY]: slots },
    behaviour: { tokens: 4, chunkDelayMs: 1 },
  });
  onTestFinished(() => sim.stop());
  const proxy = await startGateway(store, { upstream: sim.url, ...options, slots });
  return { proxy, sim };
}

/** Nothing runs on either side, no slot is taken, and the upstream was never oversold. */
export async function expectNothingLeft(proxy: TestGateway, sim: Simulator): Promise<void> {
  await eventually(async () => {
    expect(proxy.gateway.running).toBe(0);
    expect(await proxy.inFlight()).toBe(0);
    expect(sim.snapshot()).toMatchObject({ inFlight: 0, oversold: 0, unknown: 0 });
  });
}
