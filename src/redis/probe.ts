// Talking to a Redis over a bare socket, before and after a client makes sense: is it ready, and
// please shut down. A client library would hide LOADING behind its own reconnects (about 1 s).
import { connect } from 'node:net';

export type RedisAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export type ProbeResult = 'ready' | 'loading' | 'unreachable';

const PROBE_TIMEOUT_MS = 1000;

/** Asks once. Never rejects. */
export async function probeRedis(address: RedisAddress): Promise<ProbeResult> {
  const answer = await ask(address, 'PING\r\n');
  if (answer === undefined) return 'unreachable';
  return answer.startsWith('+PONG') ? 'ready' : 'loading';
}

/** Asks the server to end after it has flushed its append-only file. Never rejects. */
export async function requestShutdown(address: RedisAddress): Promise<void> {
  await ask(address, 'SHUTDOWN NOSAVE\r\n');
}

/** The first bytes of the answer, or undefined when there was none. */
async function ask(address: RedisAddress, command: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port },
    );
    const finish = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(undefined));
    socket.on('connect', () => socket.write(command));
    socket.on('data', (data) => finish(data.toString('latin1')));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
  });
}
