// Whether a stage may be drained: before anything is claimed. A drain of work that waits for the slot
// `deep` would send it elsewhere where that has no route, and some stages are never drained by hand.
import type { DeferralConfig } from '../config/deferral-schema.ts';
import type { Config } from '../config/schema.ts';

/** Why not, in words for an operator; undefined where it may be. */
export function drainRefusal(
  stage: string,
  { deferral, routes }: Pick<Config, 'routes'> & { readonly deferral: DeferralConfig },
): string | undefined {
  const { drainStages, slots, stages } = deferral;
  if (!deferral.enabled) return 'Deferral is off: set deferral.enabled.';
  if (!Object.hasOwn(stages, stage)) {
    return `No stage is named so. There are: ${Object.keys(stages).join(', ')}.`;
  }
  if (!drainStages.includes(stage)) {
    return `The stage ${stage} is not drained. Only these are: ${drainStages.join(', ')}.`;
  }
  if (!routes.has(slots.deep)) {
    return `No route is named ${slots.deep}, which the slot deep leads to: nothing is drained.`;
  }
  return undefined;
}
