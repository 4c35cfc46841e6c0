// A link to Redis that can fail: it stands between a client and a real server and does to the bytes
// what a network does. It never changes one.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * `open`: all passes. `mute`: the server hears us, its answers are lost. `hole`: nothing passes,
 * nobody is told. `slow`: the server hears us, its answers come when the link is `open` again.
 * `closed`: nobody listens.
 */
export type LinkState = 'open' | 'mute' | 'hole' | 'slow' | 'closed';

export class RedisProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  /** What `slow` keeps back. */
  readonly #late: (() => void)[] = [];
  #state: LinkState = 'open';

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(target: string): Promise<RedisProxy> {
    const proxy = new RedisProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Bytes that were lost stay lost, so connections that lost some end when the link is `open`
   * again, as they do in a network.
   */
  set(state: LinkState): void {
    const isClean = /^(open|slow)$/.test(this.#state) && state !== 'closed';
    this.#state = state;
    if (!isClean) this.cut();
    if (state === 'open') for (const deliver of this.#late.splice(0)) deliver();
  }

  /** Ends every connection; clients may connect again. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#state === 'closed') {
      client.destroy();
      return;
    }
    const { protocol, hostname, port, pathname } = new URL(this.#target);
    const server =
      protocol === 'unix:'
        ? connect(decodeURIComponent(pathname))
        : connect(Number(port), hostname);
    this.#join(client, server, () => !/^(hole|closed)$/.test(this.#state));
    this.#join(server, client, () => this.#state === 'open');
  }

  #join(from: Socket, to: Socket, passes: () => boolean): void {
    this.#sockets.add(from);
    from.on('data', (bytes) => {
      if (passes()) to.write(bytes);
      else if (this.#state === 'slow') this.#late.push(() => to.write(bytes));
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
