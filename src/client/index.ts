// The client package's public exports: `import { SlotkeeperClient } from 'slotkeeper/client'`.
export { SlotkeeperClient } from './client.ts';
export { SlotkeeperApiError } from './errors.ts';
export {
  StageDeferred,
  stageDeferredIn,
  type StageDeferredDetails,
} from '../core/stage-deferred.ts';
export type { LaneWork, SlotWork, WithSlotOptions } from './with-slot.ts';
export type {
  CallOptions,
  ClientOptions,
  Hold,
  LaneHold,
  LaneRequest,
  MovedSlot,
  Renewed,
  Slot,
  SlotMove,
  SlotOutcome,
  SlotUse,
  SlotRef,
  SlotRequest,
  SlotTarget,
} from './types.ts';
