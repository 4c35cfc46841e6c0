// Reads the heart's numbers back into names.
import type { Grant, Target } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';
import type { CellLink } from './cell-link.ts';
import type { Answer } from './wire.ts';

/**
 * What was granted, or granted before, to an acquire for `targets`. Undefined where this daemon
 * does not know the account: its configuration is older than the cell's.
 */
export function readGrant(
  answer: Answer,
  targets: readonly Target[],
  link: CellLink,
): Grant | undefined {
  const replayed = answer.tag === CODES.TAG.replayed;
  const model = link.view.model(answer.model);
  const sameTarget = (target: Target): boolean =>
    target.pool === model?.pool && target.model === model.model;
  const targetIndex = replayed ? Math.max(0, targets.findIndex(sameTarget)) : answer.detail;
  const account = link.accountName(answer.account);
  const target = targets[targetIndex];
  if (account === undefined || target === undefined) return undefined;
  return {
    account,
    target,
    targetIndex,
    fence: answer.fence,
    expiresAtMs: answer.at,
    replayed,
  };
}
