// A real Sentinel set-up for one test file: a master, two replicas, three Sentinels, quorum 2.
import { afterAll, beforeAll } from 'vitest';
import { startSentinels, type TestSentinels } from './sentinel-servers.ts';
import { testServerHost } from './server-host.ts';

/** Call it at the top of a test file: it registers its own hooks. */
export function useSentinels(): Pick<TestSentinels, 'sentinels' | 'location' | 'master'> {
  let started: TestSentinels | undefined;
  beforeAll(async () => {
    started = await startSentinels(testServerHost());
  });
  afterAll(async () => {
    await started?.stop();
  });
  return {
    get sentinels() {
      return started!.sentinels;
    },
    get location() {
      return started!.location;
    },
    master: () => started!.master(),
  };
}
