// Deferred jobs before a real gateway: parked by its live requests, run by requests from inside, on a
// clock of the test's own.
import { createRunJob } from '../../src/gateway/deferred.ts';
import type { Deferral } from '../../src/deferral/service.ts';
import { aDeferral, type DeferralSetting } from './deferrals.ts';
import type { TestGateway } from './gateway.ts';
import { innerOf } from './inner.ts';
import type { TestRedis } from './redis.ts';

/** Its requests wait there from here on. */
export async function defersTo(
  proxy: TestGateway,
  store: TestRedis,
  setting: DeferralSetting = {},
): Promise<Deferral> {
  const { gateway, config, tenants, cell } = proxy;
  const run = createRunJob({
    serveInner: innerOf(proxy),
    directory: tenants.directory,
    gateway,
    deferral: config.deferral,
  });
  const deferral = await aDeferral(store, { run, cell, ...setting });
  gateway.parkAt(deferral);
  return deferral;
}
