// Reads the heart's numbers back into names.
import type { StickyResult, Target } from '../core/domain.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import type { CellLink } from './cell-link.ts';
import type { Answer } from './replies.ts';

/** Which of `targets` was granted, or granted before. */
export function readTarget(answer: Answer, targets: readonly Target[], link: CellLink): number {
  if (answer.tag !== CODES.TAG.replayed) return answer.detail % CODES.GRANT.sticky;
  const model = link.view.model(answer.model);
  const isGranted = (target: Target): boolean =>
    target.pool === model?.pool && target.model === model.model;
  return Math.max(0, targets.findIndex(isGranted));
}

const STICKY = namesByCode(CODES.STICKY);

/** How the granted account came to serve the request's session; undefined without a session. */
export function readSticky(answer: Answer): StickyResult | undefined {
  return STICKY[Math.floor(answer.detail / CODES.GRANT.sticky)];
}
