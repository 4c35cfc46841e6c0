// A listening HTTP server's life: bound to its address, and closed without cutting answers that
// are on their way.
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

const BACKLOG = 4096;

/** Resolves with the address as http://host:port; rejects with the system's error (EADDRINUSE, …). */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${address.port}`;
}

/** No connection is accepted from now on; those that have been idle are closed. */
export function stopAccepting(server: Server): void {
  server.close();
  server.closeIdleConnections();
}

/**
 * Resolves when no connection is left: those without an answer under way are closed at once, the
 * others by themselves or after `graceMs`.
 */
export async function closeConnections(
  server: Server,
  { open, graceMs }: { readonly open: ReadonlySet<Socket>; readonly graceMs: number },
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Node counts a connection that has not sent its first request as busy, and waits for it.
  for (const socket of open) if (!isAnswering(socket)) socket.destroy();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

/** The server's open connections, kept up to date. Call it before the server listens. */
export function trackConnections(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

function isAnswering(socket: Socket & { readonly _httpMessage?: unknown }): boolean {
  return socket._httpMessage !== null && socket._httpMessage !== undefined;
}
