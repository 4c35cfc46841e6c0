// Which arm something falls into by its key, and what operators have made of the percentages. Pure:
// what an arm changes is rollouts.ts's and breaker-arms.ts's matter.
import { z } from 'zod';
import type { ArmConfig, RolloutConfig } from '../config/rollouts-schema.ts';
import { bucketOf } from '../core/bucket.ts';
import { percentSchema } from './switches.ts';

export type PolicyEntries = ReadonlyMap<string, string>;

/** Before a rollout's name, among the entries that operators have set. */
export const ROLLOUT_PREFIX = 'rollout:';

const storedSchema = z.object({ arms: z.record(z.string(), percentSchema) });

/** The same arm for the same key while percentages stay. The base has what the others leave. */
export function armOf({ name, arms }: RolloutConfig, stableKey: string): ArmConfig | undefined {
  const [base, ...others] = arms;
  let left = bucketOf(ROLLOUT_PREFIX + name, stableKey);
  for (const arm of others) {
    if (left < arm.percent) return arm;
    left -= arm.percent;
  }
  return base;
}

/** The rollout with the percentages in force. */
export function withShares(rollout: RolloutConfig, entries: PolicyEntries): RolloutConfig {
  const text = entries.get(ROLLOUT_PREFIX + rollout.name);
  const stored = text === undefined ? undefined : readStored(text);
  if (stored === undefined) return rollout;
  const [base, ...rest] = rollout.arms;
  if (base === undefined) return rollout;
  const others = rest.map((arm) => ({ ...arm, percent: stored.arms[arm.name] ?? 0 }));
  const sum = others.reduce((total, { percent }) => total + percent, 0);
  return { ...rollout, arms: [{ ...base, percent: Math.max(0, 100 - sum) }, ...others] };
}

/** Undefined for what cannot be read: then the configuration's percentages are in force. */
function readStored(text: string): z.output<typeof storedSchema> | undefined {
  try {
    return storedSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
