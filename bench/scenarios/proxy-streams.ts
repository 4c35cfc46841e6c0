// What open streams weigh: resident memory of the proxy with 1,000 streams open, each getting an
// event a second, over the same process at rest. A fresh process each round, because a heap that
// has grown does not shrink.
import { startDaemon } from '../contenders/daemon.ts';
import { bareProxy, nginxProxy, streamingUpstream, type HttpServer } from '../contenders/http.ts';
import { requireProc } from '../harness/children.ts';
import { startRedis } from '../harness/redis.ts';
import { medianOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Figures, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/stats.ts';
import { openStreams } from '../harness/streams.ts';

const OURS = 'slotkeeper';
const STREAMS = 1000;
const SAMPLE_MS = 250;

export const proxyStreams: Scenario = {
  name: 'proxy-streams',
  describe: `MiB over idle for ${STREAMS} open streams, slots on`,
  bars: [{ name: 'proxy-streams', op: '<=', target: 75, unit: 'MiB' }],
  run: async (bench) => {
    requireProc();
    const redis = await startRedis(bench);
    const upstream = await streamingUpstream(bench);
    const { port } = upstream.child;
    const rounds = await takeTurns(bench, [
      weighed(OURS, () => startDaemon(bench, redis, port)),
      weighed('bare', () => bareProxy(bench, port)),
      weighed('nginx', () => nginxProxy(bench, port)),
    ]);
    return {
      kind: 'measured',
      rounds,
      readings: { 'proxy-streams': medianOf(rounds, OURS, 'mib_over_idle') },
      notes: ['open: the largest sample of the round; idle: the median after ten first streams'],
    };
  },
};

function weighed(name: string, start: () => Promise<HttpServer>): Contender {
  return {
    name,
    round: async (seconds) => {
      const server = await start();
      try {
        return await weigh(server, seconds);
      } finally {
        await server.child.stop();
      }
    },
  };
}

async function weigh(server: HttpServer, seconds: number): Promise<Figures> {
  const first = await openStreams(server, 10);
  first.close();
  const idle = median(await samples(server, 1));
  const streams = await openStreams(server, STREAMS);
  try {
    const open = Math.max(...(await samples(server, Math.max(2, seconds))));
    if (streams.broken() > 0) throw new Error(`${streams.broken()} streams broke`);
    return { idle_mib: idle, open_mib: open, mib_over_idle: open - idle };
  } finally {
    streams.close();
  }
}

async function samples(server: HttpServer, seconds: number): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let sample = 0; sample < (seconds * 1000) / SAMPLE_MS; sample++) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    taken.push(server.child.rssMib());
  }
  return taken;
}
