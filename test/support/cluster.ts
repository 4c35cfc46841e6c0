// A real Redis Cluster for one test file: three masters with a replica each.
import { afterAll, beforeAll } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { keySlot } from '../../src/redis/slot.ts';
import { SHARE, startCluster, type TestCluster } from './cluster-servers.ts';
import { testServerHost } from './server-host.ts';

/** Call it at the top of a test file: it registers its own hooks. */
export function useCluster(): Omit<TestCluster, 'stop'> {
  let started: TestCluster | undefined;
  beforeAll(async () => {
    started = await startCluster(testServerHost());
  });
  afterAll(async () => {
    await started?.stop();
  });
  return {
    get nodes() {
      return started!.nodes;
    },
    location: (cell) => started!.location(cell),
    ownerOf: (cell) => started!.ownerOf(cell),
    move: (cell, to) => started!.move(cell, to),
    beginMove: (cell, to) => started!.beginMove(cell, to),
    moveKeys: (cell, to, most) => started!.moveKeys(cell, to, most),
    finishMove: (cell, to) => started!.finishMove(cell, to),
  };
}

/** A cell whose slot belongs to the n-th master of a new cluster. */
export function cellOf(master: number): string {
  for (let i = 0; ; i += 1) {
    const cell = `cell-${master}-${i}`;
    if (Math.floor(keySlot(cellKeys(cell, 'tagged').cell) / SHARE) === master) return cell;
  }
}
