// A link to a server (Redis, an upstream) that can fail: it stands between the two and does to the
// bytes what a network does. It never changes one.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * `open`: all passes. `mute`: the server hears us, its answers are lost. `hole`: nothing passes,
 * nobody is told. `slow`: the server hears us, its answers come when the link is `open` again.
 * `closed`: nobody listens.
 */
export type LinkState = 'open' | 'mute' | 'hole' | 'slow' | 'closed';

/** `lost`: the reply vanishes with its connection. `torn`: half of it still arrives. */
export type ReplyFault = 'lost' | 'torn';

export class RedisProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  /** What `slow` keeps back. */
  readonly #late: (() => void)[] = [];
  #state: LinkState = 'open';
  #replyFault: ReplyFault | undefined;
  /** Each way, in ms; what is under way already keeps the delay that it began with. */
  delayMs = 0;
  /** Bytes that were lost on their way since the start. */
  readonly lost = { toServer: 0, toClient: 0 };
  /** Replies that `breakReply` has broken. */
  brokenReplies = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  /** `target`: redis://host:port, http://host:port or unix:///path. */
  static async start(target: string): Promise<RedisProxy> {
    const proxy = new RedisProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
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

  /** Like cut, but each peer is told by a reset. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** The next bytes from the server break so, once; with them goes their connection. */
  breakReply(how: ReplyFault): void {
    this.#replyFault = how;
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
        : connect({ port: Number(port), host: hostname, noDelay: true });
    this.#join(client, server, (bytes) => {
      if (!/^(hole|closed)$/.test(this.#state)) return true;
      this.lost.toServer += bytes.length;
      return false;
    });
    this.#join(server, client, (bytes) => {
      if (this.#state === 'slow') this.#late.push(() => client.write(bytes));
      else if (this.#state !== 'open') this.lost.toClient += bytes.length;
      else if (this.#replyFault === undefined) return true;
      else this.#breakNow(server, client, bytes);
      return false;
    });
  }

  #breakNow(server: Socket, client: Socket, bytes: Buffer): void {
    if (this.#replyFault === 'torn') client.write(bytes.subarray(0, bytes.length >> 1));
    this.#replyFault = undefined;
    this.brokenReplies += 1;
    this.lost.toClient += bytes.length;
    client.destroySoon();
    server.destroy();
  }

  #join(from: Socket, to: Socket, passes: (bytes: Buffer) => boolean): void {
    this.#sockets.add(from);
    const way = new Way(to);
    from.on('data', (bytes) => {
      if (passes(bytes)) way.send(bytes, this.delayMs);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroySoon();
    });
  }
}

/** One direction of a connection: bytes arrive in their order, however the delay changes. */
class Way {
  readonly #to: Socket;
  readonly #underWay: Buffer[] = [];

  constructor(to: Socket) {
    this.#to = to;
  }

  send(bytes: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#underWay.length === 0) {
      this.#to.write(bytes);
      return;
    }
    this.#underWay.push(bytes);
    // Timers may overtake one another: each lets the oldest bytes arrive, whoever's it is.
    setTimeout(() => {
      const arrived = this.#underWay.shift();
      if (arrived !== undefined && !this.#to.destroyed) this.#to.write(arrived);
    }, delayMs);
  }
}
