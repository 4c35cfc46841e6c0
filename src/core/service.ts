// One life cycle for everything that has a life: started once, stopped once, in that order.

export interface Service {
  /** Resolves when the service works; rejects (and leaves nothing behind) when it cannot. */
  start(): Promise<void>;
  /** Idempotent. Resolves when nothing of the service runs any more. */
  stop(): Promise<void>;
}
