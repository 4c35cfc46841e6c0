// Which Redis servers the suites run against: a matrix of images where Docker answers, the local
// real server elsewhere. REDIS_MATRIX=local or =containers decides without asking.
import { existsSync } from 'node:fs';

export type RedisBackend =
  | { readonly kind: 'local'; readonly name: 'local' }
  | { readonly kind: 'container'; readonly name: string; readonly image: string };

export interface BackendChoice {
  readonly backends: readonly RedisBackend[];
  /** Why it is the local server; undefined when it was asked for. */
  readonly reason?: string;
}

const LOCAL: RedisBackend = { kind: 'local', name: 'local' };

export const MATRIX: readonly RedisBackend[] = [
  { kind: 'container', name: 'redis 7', image: 'redis:7.4-bookworm' },
  { kind: 'container', name: 'valkey 8', image: 'valkey/valkey:8.1-bookworm' },
];

/** Rejects when REDIS_MATRIX=containers and no container engine answers. */
export async function chooseRedisBackends(env: NodeJS.ProcessEnv): Promise<BackendChoice> {
  const wish = env['REDIS_MATRIX'] ?? 'auto';
  if (wish === 'local') return { backends: [LOCAL] };
  const obstacle = await containerObstacle(env);
  if (obstacle === undefined) return { backends: MATRIX };
  if (wish === 'containers') throw new Error(`REDIS_MATRIX=containers, but ${obstacle}`);
  return { backends: [LOCAL], reason: obstacle };
}

async function containerObstacle(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  // Importing testcontainers costs half a second: not worth it where no engine can be.
  const told = env['DOCKER_HOST'] ?? env['TESTCONTAINERS_HOST_OVERRIDE'];
  const home = env['HOME'] ?? '';
  const sockets = ['/var/run/docker.sock', `${home}/.docker/run/docker.sock`];
  const rootless = `${env['XDG_RUNTIME_DIR'] ?? '/run'}/docker.sock`;
  if (told === undefined && ![...sockets, rootless].some((path) => existsSync(path))) {
    return 'no container engine answers (no Docker socket, no DOCKER_HOST)';
  }
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
    return undefined;
  } catch (error) {
    return `no container engine answers (${error instanceof Error ? error.message : String(error)})`;
  }
}
