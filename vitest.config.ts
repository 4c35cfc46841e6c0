// The four kinds of tests and what each may use. Kinds that open a real Redis run once a backend:
// the local server, or, where Docker answers, a matrix of images.
import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { chooseRedisBackends } from './test/support/backends.ts';
import type { RedisBackend } from './test/support/backends.ts';

const { backends, reason } = await chooseRedisBackends(process.env);
if (reason !== undefined) process.stderr.write(`Tests use the local Redis server: ${reason}.\n`);

type ProjectTests = TestProjectInlineConfiguration['test'];

// Not `extends: true`: it would load this file, and print its reason, once a project.
function project(test: NonNullable<ProjectTests>): TestProjectInlineConfiguration {
  return {
    test: {
      pool: 'forks',
      hookTimeout: 60_000,
      globalSetup: ['test/support/global-setup.ts'],
      tags: [{ name: 'redis_required', description: 'Opens a real Redis server.' }],
      ...test,
    },
  };
}

function onEachBackend(
  name: string,
  test: NonNullable<ProjectTests>,
): TestProjectInlineConfiguration[] {
  return backends.map((backend: RedisBackend) =>
    project({
      ...test,
      name: backends.length === 1 ? name : `${name} (${backend.name})`,
      provide: { redisBackend: backend },
    }),
  );
}

export default defineConfig({
  test: {
    projects: [
      project({
        name: 'unit',
        include: ['test/unit/**/*.test.ts', 'test/architecture.test.ts'],
        testTimeout: 10_000,
      }),
      ...onEachBackend('integration', {
        include: ['test/integration/**/*.test.ts', 'test/lua/**/*.test.ts'],
        testTimeout: 30_000,
      }),
      ...onEachBackend('property', {
        include: ['test/property/**/*.test.ts'],
        testTimeout: 180_000,
      }),
      project({
        name: 'system',
        include: ['test/system/**/*.test.ts'],
        testTimeout: 120_000,
        // Whole daemons under load: alone on the machine, after all the others.
        sequence: { groupOrder: 1 },
        fileParallelism: false,
        provide: { redisBackend: { kind: 'local', name: 'local' } },
      }),
    ],
  },
});
