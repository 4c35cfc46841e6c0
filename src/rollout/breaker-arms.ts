// Rollouts of breaker settings: a breaker belongs to an account and is shared by all requests, so
// accounts are in arms and not requests. An account lives under one arm's settings at a time, and
// what it came to is its arm's. Pure.
import type { RolloutConfig } from '../config/rollouts-schema.ts';
import type { AccountConfig } from '../config/schema.ts';
import type { SchedulerAccount } from '../scheduler/plan.ts';
import { armOf, withShares, type PolicyEntries } from './arms.ts';

/** The rollout that a pool's accounts take part in; one of its own goes before one for all. */
export function breakerRolloutOf(
  rollouts: readonly RolloutConfig[],
  pool: string,
): RolloutConfig | undefined {
  const all = rollouts.filter(({ what }) => what === 'breaker');
  return (
    all.find((one) => one.pool === pool) ?? all.find(({ pool: wanted }) => wanted === undefined)
  );
}

/** As the heart is told of them: each with the arms that there are and the one that it is in. */
export function accountsInArms(
  { accounts, rollouts }: AccountsAndRollouts,
  entries: PolicyEntries,
): readonly SchedulerAccount[] {
  const configured = [...rollouts.values()];
  if (!configured.some(({ what }) => what === 'breaker')) return accounts;
  return accounts.map((account) => {
    const rollout = breakerRolloutOf(configured, account.pool);
    const arm = rollout && armOf(withShares(rollout, entries), account.name);
    if (rollout === undefined || arm === undefined) return account;
    const arms = rollout.arms.map(({ name, percent, breaker }) => ({ name, percent, breaker }));
    return { ...account, breakerArms: { rollout: rollout.name, arms, arm: arm.name } };
  });
}

export interface AccountsAndRollouts {
  readonly accounts: readonly AccountConfig[];
  readonly rollouts: ReadonlyMap<string, RolloutConfig>;
}
