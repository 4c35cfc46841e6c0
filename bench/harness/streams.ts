// Many open streams from one driver: plain sockets that ask once and then only read, so that the
// driver weighs little beside what it opens.
import { connect, type Socket } from 'node:net';
import type { HttpServer } from '../contenders/http.ts';
import { CHAT_PATH } from './wrk.ts';

export interface OpenStreams {
  /** Streams that ended before they were closed here. */
  broken(): number;
  close(): void;
}

/** Connections that are being opened at once: a listen queue must hold them. */
const AT_ONCE = 50;
const FIRST_BYTE_TIMEOUT_MS = 10_000;
const BODY = JSON.stringify({
  model: 'gpt-4',
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
});

/** Resolves when every stream has begun with a 200. */
export async function openStreams(server: HttpServer, count: number): Promise<OpenStreams> {
  const sockets: Socket[] = [];
  let broken = 0;
  try {
    while (sockets.length < count) {
      const size = Math.min(AT_ONCE, count - sockets.length);
      const opened = await Promise.all(
        Array.from({ length: size }, () => openStream(server.child.port)),
      );
      for (const socket of opened) socket.on('close', () => broken++);
      sockets.push(...opened);
    }
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  }
  return {
    broken: () => broken,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function openStream(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(`a stream did not begin: ${reason}`));
    };
    const timer = setTimeout(() => fail('no answer in time'), FIRST_BYTE_TIMEOUT_MS);
    socket.once('error', (error) => fail(error.message));
    socket.once('data', (chunk: Buffer) => {
      clearTimeout(timer);
      const status = chunk.toString('latin1').split('\r\n')[0] ?? '';
      socket.on('error', () => undefined);
      if (status.includes(' 200 ')) resolve(socket.resume());
      else fail(status);
    });
    socket.write(
      `POST ${CHAT_PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(BODY)}\r\n\r\n${BODY}`,
    );
  });
}
