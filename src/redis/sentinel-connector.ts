// How an ioredis client finds its master by Sentinels, and goes on looking: the news of a new master
// (`failoverDetector`) breaks off a connection attempt that is under way at that moment, and ioredis
// takes that for the client's end. It changes nothing else of ioredis' own connector.
import { Socket } from 'node:net';
import { SentinelConnector } from 'ioredis';
import type { SentinelConnectionOptions } from 'ioredis';

type Connecting = ReturnType<SentinelConnector['connect']>;

export class SteadySentinelConnector extends SentinelConnector {
  /** ioredis gives it the client's own options. */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  /**
   * Rejects only where no Sentinel can be reached and no retry is wanted. An attempt that was broken
   * off is a connection that closed at once: a client that its owner ends stays ended, any other one
   * tries again.
   */
  override async connect(...args: Parameters<SentinelConnector['connect']>): Connecting {
    try {
      return await super.connect(...args);
    } catch (error) {
      if (this.connecting) throw error;
      return (this.stream = new Socket().destroy());
    }
  }
}
