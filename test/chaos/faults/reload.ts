// The fault of an operator who cannot leave the configuration alone.
import { ADMIN_TOKEN, accountOf, LIMITS } from '../configuration.ts';
import type { FleetDaemon } from '../daemon.ts';
import type { Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';

const RELOADS = 100;
const CREDENTIAL = 'key-twenty';
const LOWERED = 1;
/** At these all of the fall is watched, at the other lowerings by the admin API its beginning. */
const WATCHED = [50, 98];
const GLIMPSE_MS = 50;
const STEP_MS = 10;
const AT_THE_LIMIT_MS = 300;

/** Each daemon answers when it has the file as it is now in force. */
async function reloadAll(daemons: readonly FleetDaemon[]): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const answers = await Promise.all(
    daemons.map(({ url }) => fetch(`${url}/admin/reload`, { method: 'POST', headers })),
  );
  const bad = answers.find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`a reload was answered by ${bad.status}`);
}

function byHangup(daemons: readonly FleetDaemon[]): Promise<void> {
  for (const daemon of daemons) daemon.signal('SIGHUP');
  return Promise.resolve();
}

/** The file has changed: daemons see that by themselves. */
const byFile = (): Promise<void> => Promise.resolve();

const WAYS = [byHangup, byFile, reloadAll] as const;

async function stateOf(stage: Stage) {
  const { accounts, generation } = await stage.counters();
  const account = accounts.find((one) => one.account.endsWith(accountOf(CREDENTIAL)));
  return { limit: account?.limit, inFlight: account?.inFlight ?? 0, generation };
}

function allow(stage: Stage, slots: number): void {
  stage.sim.configure({ limits: { [CREDENTIAL]: slots } });
}

/**
 * From the answers of all daemons on leases only fall. So the upstream allows no more than the store
 * has counted: any grant beyond the limit is seen there. Answers what was in flight first.
 */
async function watchFall(stage: Stage, isWhole: boolean): Promise<number> {
  const first = (await stateOf(stage)).inFlight;
  const glimpseEndsAt = performance.now() + GLIMPSE_MS;
  const isOver = (inFlight: number): boolean =>
    isWhole ? inFlight <= LOWERED : performance.now() > glimpseEndsAt;
  await stage.until('it fell to the lowered limit', async () => {
    const { inFlight } = await stateOf(stage);
    allow(stage, Math.max(LOWERED, inFlight));
    return isOver(inFlight);
  });
  if (isWhole) await stage.pause(AT_THE_LIMIT_MS);
  return first;
}

/** One change of the file, in force when this resolves. */
async function change(stage: Stage, number: number): Promise<number> {
  const raised = LIMITS[CREDENTIAL]!;
  const limit = number % 2 === 0 ? LOWERED : raised;
  const way = WAYS[number % WAYS.length]!;
  allow(stage, raised);
  await stage.configure({ ...LIMITS, [CREDENTIAL]: limit });
  await way(stage.daemons);
  await stage.until(`reload ${number} was in force`, async () => {
    return (await stateOf(stage)).limit === limit;
  });
  if (limit !== LOWERED || way !== reloadAll) return 0;
  return await watchFall(stage, WATCHED.includes(number));
}

const reloads: Fault = {
  name: 'reload-100-times',
  does: `the configuration changes ${RELOADS} times, an account’s limit from 20 to 1 and back, by SIGHUP, file and admin API in turn`,
  expects: {
    holds: 'no request is hurt; above a lowered limit an account only falls',
    errors: [],
    hurtsAll: true,
    recoveryMs: 1000,
  },
  run: async (stage) => {
    const before = (await stateOf(stage)).generation;
    let mostAbove = 0;
    for (let number = 0; number < RELOADS; number += 1) {
      mostAbove = Math.max(mostAbove, await change(stage, number));
      await stage.pause(STEP_MS);
    }
    await reloadAll(stage.daemons);
    const { limit, generation } = await stateOf(stage);
    stage.demand(limit === LIMITS[CREDENTIAL], `the limit is ${String(limit)} after all of them`);
    stage.demand(generation >= before + RELOADS, `only ${generation - before} were in force`);
    stage.demand(mostAbove > LOWERED, 'no lowering met an account above its new limit');
  },
};

export const reloadFaults: readonly Fault[] = [reloads];
