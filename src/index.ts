// The library's public exports: the scheduler as the daemon itself uses it, in your own process.
// Whatever is not exported here may change without notice.
export { connectRedis, type ConnectOptions } from './redis/connection.ts';
export { Scheduler } from './scheduler/scheduler.ts';
export { Lease } from './scheduler/lease.ts';
export type {
  AcquireRequest,
  AcquireResult,
  LaneHold,
  LaneOptions,
  LeaseRef,
  MoveRef,
  MoveReport,
  MoveResult,
  NamedMoveReport,
  NamedMoveResult,
  ReleaseReport,
  RenewResult,
  SchedulerOptions,
} from './scheduler/types.ts';
export { AppError, ERROR_CODES, type ErrorCode } from './core/errors.ts';
export {
  DENIAL_REASONS,
  OUTCOMES,
  type CancelResult,
  type DenialReason,
  type Outcome,
  type OutcomeScope,
  type ReleaseResult,
  type Target,
} from './core/domain.ts';
export type { SchedulerEvents } from './core/events.ts';
export { isDeferrableError } from './upstream/outcome.ts';
export {
  StageDeferred,
  stageDeferredIn,
  type StageDeferredDetails,
} from './core/stage-deferred.ts';
