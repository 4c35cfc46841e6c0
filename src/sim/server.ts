// The simulated upstream's life: a plain node:http server on loopback, started and stopped. It is
// also the far side of the benchmark, hence no framework. What it answers is in upstream.ts.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Simulator, SimulatorOptions } from './options.ts';
import { freshSeed } from './random.ts';
import { Upstream } from './upstream.ts';

const BACKLOG = 4096;
/** Never the first to close an idle connection: a client could lose its request in that race. */
const KEEP_ALIVE_MS = 600_000;

/** Rejects when the port is taken or an option is out of bounds. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port: wantedPort = 0, host = '127.0.0.1', ...patch } = options;
  const upstream = new Upstream();
  upstream.configure({ seed: freshSeed(), ...patch });
  const server = createServer((req, res) => upstream.receive(req, res));
  server.on('connection', (socket) => upstream.watch(socket));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0;
  await listen(server, wantedPort, host);

  const { port } = server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    highWater: (credential) => upstream.ledger.highWater(credential),
    inFlight: (credential) => upstream.ledger.inFlight(credential),
    snapshot: () => upstream.snapshot(),
    reset: () => upstream.reset(),
    configure: (change) => upstream.configure(change),
    stop: () => (stopped ??= close(server, upstream)),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server, upstream: Upstream): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    upstream.abandon();
    server.closeAllConnections();
  });
}
