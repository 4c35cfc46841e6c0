// How a plain ioredis client finds its server in a Redis Cluster: anew at each connection, by the
// slot that it works on. One client a cell instead of ioredis' Cluster, which routes every command
// by its keys, costs a third more of a daemon's CPU, and knows neither our framed calls nor that
// all of a cell lies together.
import { createConnection, isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { SlotOwner } from './cluster-owner.ts';
import type { NodeAddress } from './location.ts';

/** How long in ms a connection that we leave may take to close before it is cut. */
const LEAVE_MS = 200;

export interface ConnectorOptions {
  readonly owner: SlotOwner;
  readonly tls: boolean;
}

/** What ioredis makes a connector of for each client, duplicates included. */
export function connectorTo({
  owner,
  tls,
}: ConnectorOptions): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    constructor() {
      super(LEAVE_MS);
    }

    /** A replica that is about to be promoted, or a master that was: look again. */
    override check(info: { readonly role?: string }): boolean {
      return info.role === undefined || info.role === 'master';
    }

    /** Never rejects while it is wanted: the client would take that for its end. */
    override async connect(): Promise<Socket> {
      this.connecting = true;
      const node = await owner.find();
      if (!this.#isWanted()) throw new Error('Connection is closed.');
      if (node === undefined) {
        this.firstError = new Error('CLUSTERDOWN nobody tells who owns the slot');
        return (this.stream = new Socket().destroy());
      }
      const stream = open(node, tls);
      stream.once('error', (error: Error) => (this.firstError = error));
      this.stream = stream;
      return stream;
    }

    /** Nobody has disconnected since. */
    #isWanted(): boolean {
      return this.connecting;
    }
  };
}

function open({ host, port }: NodeAddress, tls: boolean): Socket {
  if (!tls) return createConnection({ host, port });
  return connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
}
