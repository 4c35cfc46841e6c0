// Upstreams that fail in one way each, on real sockets: what a client can meet between the connection
// and the last byte of an answer.
import { createServer, type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { startDeafListener } from './deaf-listener.ts';
import { startUpstream, type Script } from './upstream.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';

/** By what they do; each answers with the origin to call. */
export const FAILING_UPSTREAMS = {
  /** Nobody listens any more. */
  refuses: async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return `http://127.0.0.1:${port}`;
  },
  /** Its queue of connections is full. */
  'does not accept': async () => {
    const listener = await startDeafListener();
    onTestFinished(() => listener.stop());
    return `http://127.0.0.1:${listener.port}`;
  },
  'never answers': () => scripted(() => undefined),
  'resets before its head': () => scripted((_seen, _res, socket) => socket.resetAndDestroy()),
  'closes before its head': () => scripted((_seen, _res, socket) => void socket.end()),
  'resets after its head': () =>
    scripted((_seen, _res, socket) => {
      socket.write(`${HEAD}Content-Length: 500\r\n\r\n`);
      setTimeout(() => socket.resetAndDestroy(), 20);
    }),
  'closes within its body': () =>
    scripted((_seen, _res, socket) => {
      socket.write(`${HEAD}Content-Length: 500\r\n\r\n{"id":`);
      setTimeout(() => socket.end(), 20);
    }),
  'falls silent after its head': () =>
    scripted((_seen, _res, socket) => void socket.write(`${HEAD}Content-Length: 500\r\n\r\n`)),
  'does not speak HTTP': () =>
    scripted((_seen, _res, socket) => void socket.end('hello there\r\n\r\n')),
  'answers HTML as JSON': () =>
    scripted((_seen, res) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end('<html>sorry</html>');
    }),
} as const satisfies Record<string, () => Promise<string>>;

export type FailingUpstream = keyof typeof FAILING_UPSTREAMS;

async function scripted(script: Script): Promise<string> {
  return (await startUpstream(script)).url;
}

/** Answers with a status, an OpenAI-shaped body and these headers. */
export function answering(status: number, headers = {}, error: object = {}): Script {
  return (_seen, res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(JSON.stringify({ error: { message: 'the upstream says so', ...error } }));
  };
}
