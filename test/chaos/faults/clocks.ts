// Faults of a daemon's time: its wall clock jumps, its event loop stands still.
import { LEASE_MS } from '../configuration.ts';
import type { Fault } from '../fault.ts';
import { EXCESS, STANDSTILL, standStill } from './daemons.ts';

const HOUR_MS = 3_600_000;
const FAULT_MS = LEASE_MS + 1000;
const BLOCKED_MS = 2 * LEASE_MS;

function jump(name: string, ms: number): Fault {
  return {
    name,
    does: `one daemon’s wall clock jumps by ${ms / HOUR_MS} h, and back`,
    preload: { module: 'clock.mjs', ms },
    expects: {
      holds: 'no daemon’s clock is in any decision: callers notice nothing',
      errors: [],
      recoveryMs: 1000,
    },
    run: async (stage) => {
      stage.victim.signal('SIGUSR2');
      await stage.pause(FAULT_MS);
      stage.victim.signal('SIGUSR2');
    },
  };
}

const blocked: Fault = {
  name: 'event-loop-blocked',
  does: `one daemon’s event loop stands still for ${BLOCKED_MS} ms, twice a lease`,
  preload: { module: 'block.mjs', ms: BLOCKED_MS },
  expects: {
    holds: 'its slots go to others; it aborts its calls when it wakes; the excess is counted',
    ...STANDSTILL,
    elsewhere: EXCESS,
    recoveryMs: 3000,
    windowAfterMs: 0,
  },
  run: async (stage) => {
    await standStill(stage, async () => {
      stage.victim.signal('SIGUSR2');
      await stage.pause(BLOCKED_MS);
    });
  },
};

export const clockFaults: readonly Fault[] = [
  jump('daemon-clock-plus-1h', HOUR_MS),
  jump('daemon-clock-minus-1h', -HOUR_MS),
  blocked,
];
