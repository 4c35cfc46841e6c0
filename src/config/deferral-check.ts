// What no single option of deferral can tell: that a route's stage is one of those that there are.
import { z } from 'zod';
import { deferralSchema } from './deferral-schema.ts';
import type { Fault } from './faults.ts';

const outline = z.object({
  routes: z.record(z.string(), z.object({ defer: z.string().optional().catch(undefined) })),
  deferral: z.unknown(),
});

/** Works on the tree as the file and the environment give it; what the schema refuses it passes over. */
export function checkDeferral(tree: unknown): readonly Fault[] {
  const view = outline.safeParse(tree);
  const deferral = deferralSchema.safeParse(view.data?.deferral);
  if (!view.success || !deferral.success) return [];
  const stages = Object.keys(deferral.data.stages);
  return Object.entries(view.data.routes).flatMap(([alias, { defer }]) => {
    if (defer === undefined || stages.includes(defer)) return [];
    const message = `there is no such stage; deferral.stages are: ${stages.join(', ')}`;
    return [{ path: ['routes', alias, 'defer'], message }];
  });
}
