// Named slots: which route stands behind the names `deep` and `primary`, and which one serves in the
// place of a route that is not configured. It reads the configuration alone: whether a route has
// anything free, or fails, never sends a request to another slot.
import type { RouteConfig } from './routes-schema.ts';

/** Slot → alias of its route. */
export interface SlotNames {
  readonly deep: string;
  readonly primary: string;
}

export type SlotName = keyof SlotNames;

type Routes = Pick<ReadonlyMap<string, RouteConfig>, 'get'>;

/** The route that serves a slot. */
export interface NamedSlot {
  /** The slot that serves: another one than was asked for where that has no route. */
  readonly slot: SlotName;
  readonly alias: string;
  /** What was asked for instead. */
  readonly insteadOf: SlotName | undefined;
}

/**
 * Undefined for a model that names no slot, or one that nothing serves. A slot is named by itself or
 * by its route's alias; a route that bears a slot's own name goes before what the slot stands for.
 */
export function slotOf(model: string, slots: SlotNames, routes: Routes): NamedSlot | undefined {
  const named = nameIn(model, slots, routes);
  if (named === undefined) return undefined;
  for (const slot of [named, 'primary'] as const) {
    const alias = slots[slot];
    if (routes.get(alias) === undefined) continue;
    return { slot, alias, insteadOf: slot === named ? undefined : named };
  }
  return undefined;
}

function nameIn(model: string, slots: SlotNames, routes: Routes): SlotName | undefined {
  const names: readonly SlotName[] = ['deep', 'primary'];
  const byAlias = names.find((slot) => slots[slot] === model);
  if (byAlias !== undefined || routes.get(model) !== undefined) return byAlias;
  return names.find((slot) => slot === model);
}

/** One sentence where a slot is served by another one's route; undefined where none is. */
export function substitution(slots: SlotNames, routes: Routes): string | undefined {
  const { insteadOf, alias } = slotOf('deep', slots, routes) ?? {};
  if (insteadOf === undefined) return undefined;
  return `no route of the slot ${insteadOf} is configured: ${alias ?? ''}, the slot primary, serves instead`;
}
