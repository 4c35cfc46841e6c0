// Directories that live as long as the test run.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';

/** A fresh empty directory with a short path (sockets have room), removed when the run ends. */
export async function temporaryDirectory(): Promise<string> {
  return await mkdtemp(join(inject('runDirectory'), 't-'));
}
