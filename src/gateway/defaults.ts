// The fields that a target's configuration adds to a request where its caller has left them out. It
// never replaces what the caller said, in whatever name the caller said it.
import { OUTPUT_LIMITS } from '../core/body-fields.ts';
import type { BodyDefaults } from '../config/routes-schema.ts';

const LIMIT_NAMES: ReadonlySet<string> = new Set(OUTPUT_LIMITS);

/** Name and value of each; none without `defaults`. */
export function missingFields(
  given: readonly string[],
  defaults: BodyDefaults | undefined,
): readonly (readonly [string, unknown])[] {
  if (defaults === undefined) return [];
  const names = new Set(given);
  // Upstreams refuse a request that limits its answer by two names.
  const isLimited = given.some((name) => LIMIT_NAMES.has(name));
  return Object.entries(defaults).filter(([name]) => {
    return !names.has(name) && !(isLimited && LIMIT_NAMES.has(name));
  });
}
