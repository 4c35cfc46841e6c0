// Which node of a Redis Cluster is master of a slot. Nodes may know it differently while a slot moves
// or a replica is promoted: whoever is asked in vain says where to go (MOVED), and that is
// followed first. It opens short connections for its questions and keeps none.
import { describeNode } from './location.ts';
import type { ClusterLocation, NodeAddress } from './location.ts';
import { askNode } from './node-client.ts';
import type { NodeAccess } from './node-client.ts';

/** Nodes that are asked at once: one that is dead must not cost its whole timeout. */
const ASKED_AT_ONCE = 3;

export interface ClusterShard {
  readonly from: number;
  readonly to: number;
  /** The first is the master. */
  readonly nodes: readonly NodeAddress[];
}

export class SlotOwner {
  /** How its nodes are asked. */
  readonly access: NodeAccess;
  readonly #location: ClusterLocation;
  #known: readonly NodeAddress[];
  #named: NodeAddress | undefined;

  constructor(location: ClusterLocation, { timeoutMs }: { readonly timeoutMs: number }) {
    this.#location = location;
    this.access = { credentials: location.credentials, tls: location.tls, timeoutMs };
    this.#known = location.seeds;
  }

  /** A node has answered `MOVED slot host:port`: that one is asked next. */
  follow(moved: string): void {
    const [, host, port] = /^MOVED \d+ (.+):(\d+)$/.exec(moved) ?? [];
    // Without a host it means the host that answered, which the next look finds as well.
    if (host !== undefined) this.#named = { host, port: Number(port) };
  }

  /** The master as far as anybody knows; undefined where nobody answers or nobody owns the slot. */
  async find(): Promise<NodeAddress | undefined> {
    const named = this.#named;
    this.#named = undefined;
    if (named !== undefined) return named;
    const { slot } = this.#location;
    const shards = await this.shards().catch((): readonly ClusterShard[] => []);
    return shards.find(({ from, to }) => from <= slot && slot <= to)?.nodes[0];
  }

  /** All shards, by the first node that answers. Rejects with why none of those asked does. */
  async shards(): Promise<readonly ClusterShard[]> {
    const asked = sample(this.#known, ASKED_AT_ONCE);
    const shards = await Promise.any(asked.map((node) => this.#ask(node))).catch(
      (error: unknown) => {
        throw error instanceof AggregateError ? error.errors[0] : error;
      },
    );
    // The seeds stay: names outlive addresses.
    this.#known = unique([...this.#location.seeds, ...shards.flatMap(({ nodes }) => nodes)]);
    return shards;
  }

  #ask(node: NodeAddress): Promise<readonly ClusterShard[]> {
    return askNode(node, this.access, async (redis) =>
      readShards(await redis.cluster('SLOTS'), node),
    );
  }
}

/** The reply of CLUSTER SLOTS: first slot, last slot, then a list for each node. */
function readShards(reply: unknown, asked: NodeAddress): readonly ClusterShard[] {
  return (reply as readonly (readonly unknown[])[]).map(([from, to, ...nodes]) => ({
    from: Number(from),
    to: Number(to),
    nodes: (nodes as readonly (readonly [string | null, number])[]).map(([host, port]) => {
      // A node that does not know its own name is where it was asked.
      return { host: host === null || host === '' || host === '?' ? asked.host : host, port };
    }),
  }));
}

function unique(nodes: readonly NodeAddress[]): readonly NodeAddress[] {
  return [...new Map(nodes.map((node) => [describeNode(node), node])).values()];
}

function sample<T>(all: readonly T[], count: number): readonly T[] {
  const shuffled = all.map((one) => ({ one, at: Math.random() })).sort((a, b) => a.at - b.at);
  return shuffled.slice(0, count).map(({ one }) => one);
}
