// Once a project and run: a directory for everything that tests write, and a Redis server that is
// found (or brought) before any worker needs it. Directories of runs that crashed are swept here.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findRedisServer } from '../../src/redis/find-server.ts';
import type { RedisServer } from '../../src/redis/find-server.ts';
import type { RedisBackend } from './backends.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly runDirectory: string;
    readonly redisBackend: RedisBackend;
    readonly redisServer: RedisServer;
  }
}

const PREFIX = 'sk-test-';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweepCrashedRuns();
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  project.provide('runDirectory', directory);
  if (project.name !== 'unit') {
    const onProgress = (line: string): void => console.error(line);
    project.provide('redisServer', await findRedisServer({ env: process.env, onProgress }));
  }
  return async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
}

async function sweepCrashedRuns(): Promise<void> {
  const entries = await readdir(tmpdir());
  for (const entry of entries.filter((name) => name.startsWith(PREFIX))) {
    const pid = entry.slice(PREFIX.length).split('-')[0] ?? '';
    const alive = process.platform !== 'linux' || existsSync(`/proc/${pid}`);
    if (!alive) await rm(join(tmpdir(), entry), { recursive: true, force: true });
  }
}
