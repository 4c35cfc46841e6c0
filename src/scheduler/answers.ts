// Reads the heart's numbers back into names.
import type { Target } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';
import type { CellLink } from './cell-link.ts';
import type { Answer } from './replies.ts';

/** Which of `targets` was granted, or granted before. */
export function readTarget(answer: Answer, targets: readonly Target[], link: CellLink): number {
  if (answer.tag !== CODES.TAG.replayed) return answer.detail;
  const model = link.view.model(answer.model);
  const isGranted = (target: Target): boolean =>
    target.pool === model?.pool && target.model === model.model;
  return Math.max(0, targets.findIndex(isGranted));
}
