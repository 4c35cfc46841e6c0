// The server that was found for the tests' run, for servers that tests start by themselves.
import { inject } from 'vitest';
import type { ServerHost } from './servers.ts';
import { temporaryDirectory } from './temporary.ts';

export function testServerHost(): ServerHost {
  const server = inject('redisServer');
  if (server.kind !== 'binary') throw new Error('these tests need a redis-server that runs here');
  return { serverPath: server.serverPath, directory: temporaryDirectory };
}
