// A planned registry as the scripts read it: a packed record for each account and each target.
import type { Target } from '../core/domain.ts';
import type { CellKeys } from '../redis/keys.ts';
import { writeAccount, writeTarget } from '../redis/records.ts';
import type { BreakerRecord } from '../redis/records.ts';
import { rateNumbers } from './admission.ts';
import { asideOf, tiersOf } from './plan.ts';
import type { RegisteredAccount, Registry } from './plan.ts';

type Records = readonly (readonly [name: string, record: Buffer])[];

export function recordsOf(
  registry: Registry,
  keys: CellKeys,
): { readonly accounts: Records; readonly targets: Records } {
  const numbers = new Map(registry.models.map((entry) => [keys.concurrency(entry), entry.number]));
  const numberOf = (target: Target): number => numbers.get(keys.concurrency(target)) ?? 0;
  return {
    accounts: registry.accounts.map((account) => [
      account.name,
      accountRecord(registry, account, numberOf),
    ]),
    targets: targetRecords(registry),
  };
}

function accountRecord(
  registry: Registry,
  account: RegisteredAccount,
  numberOf: (target: Target) => number,
): Buffer {
  const { pool, models, enabled, index, weight, maxConcurrency: limit } = account;
  const isMixed = registry.classes[account.class]?.mixed === true;
  const breaker = breakerRecord(registry, account);
  const areNamed = enabled && (isMixed || breaker !== undefined);
  return writeAccount({
    inUse: enabled,
    class: account.class,
    index,
    limit,
    weight,
    models: areNamed ? models.map((model) => numberOf({ pool, model })) : [],
    rates: account.rates && rateNumbers(account.rates),
    breaker,
  });
}

function breakerRecord(registry: Registry, account: RegisteredAccount): BreakerRecord | undefined {
  const { breaker, credentialMark: mark = 0 } = account;
  if (breaker === undefined) return undefined;
  const { enabled, consecutiveFailures, minRequests, ...rest } = breaker;
  return {
    ...rest,
    mark,
    aside: asideOf(registry, account.class),
    consecutiveFailures: enabled ? consecutiveFailures : 0,
    minRequests: enabled ? minRequests : 0,
  };
}

function targetRecords(registry: Registry): Records {
  return registry.models
    .filter((entry) => !entry.retired)
    .map((entry) => {
      const serving = registry.accounts.filter(
        ({ enabled, pool, models }) =>
          enabled && pool === entry.pool && models.includes(entry.model),
      );
      const tiers = tiersOf(registry, entry);
      const record = writeTarget({ model: entry.number, accounts: serving.length, tiers });
      return [`${entry.pool}\t${entry.model}`, record] as const;
    });
}
