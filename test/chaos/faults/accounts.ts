// The fault of a single account: it turns to 500 while the others are well.
import { accountOf } from '../configuration.ts';
import type { Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';

const CREDENTIAL = 'key-five';
/** Longer than a breaker is open at first (5 s), so that it is probed, and shorter than twice that. */
const TRIPPED_MS = 6000;
const PROBES = 1;

/** What `measured` says of it, for the bar. */
export const GRANTS_AFTER_TRIP = 'grantsAfterTrip';

async function accountIn(stage: Stage) {
  const { accounts } = await stage.counters();
  return accounts.find((one) => one.account.endsWith(accountOf(CREDENTIAL)));
}

function arrivals({ sim }: Stage): number {
  return sim.snapshot().credentials.find((one) => one.credential === CREDENTIAL)?.total ?? 0;
}

const oneFails: Fault = {
  name: 'one-account-fails',
  does: `one of four accounts answers 500 until ${TRIPPED_MS / 1000} s after its breaker has tripped`,
  expects: {
    holds: 'no caller sees an error; after the trip it is asked for nothing but a probe',
    errors: [],
    hurtsAll: true,
    recoveryMs: 1000,
  },
  run: async (stage) => {
    stage.sim.configure({ credentials: { [CREDENTIAL]: { status: 500 } } });
    await stage.until('its breaker tripped', async () => {
      const breakers = (await accountIn(stage))?.health?.breakers ?? [];
      return breakers.some(({ state }) => state === 'open');
    });
    // What was granted before the trip is still to be heard of.
    await stage.until('what it had been granted was over', async () => {
      return (await accountIn(stage))?.inFlight === 0;
    });
    const before = arrivals(stage);
    await stage.pause(TRIPPED_MS);
    const grants = arrivals(stage) - before;
    stage.sim.configure({ credentials: { [CREDENTIAL]: { status: null } } });
    stage.measured[GRANTS_AFTER_TRIP] = Math.max(0, grants - PROBES);
    stage.demand(grants >= PROBES, 'nobody probed it');
    stage.demand(grants <= PROBES, `it was granted ${grants} times after its trip`);
  },
};

export const accountFaults: readonly Fault[] = [oneFails];
