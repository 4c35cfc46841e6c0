// The proxy over HTTP: its throughput, its CPU and the latency that it adds, beside the least that
// Node can do, nginx, Portkey's gateway, and no proxy at all. Every server is a process of its own;
// the upstream is nginx with a fixed answer; slots are on, in a Redis of their own.
import { startDaemon } from '../contenders/daemon.ts';
import { bareProxy, nginxProxy, portkey, staticUpstream } from '../contenders/http.ts';
import { requireProc } from '../harness/children.ts';
import { underConstantRate } from '../harness/open-loop.ts';
import { startRedis } from '../harness/redis.ts';
import { differenceOf, ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';
import { underWrk } from '../harness/wrk.ts';

const OURS = 'slotkeeper';
const RATE = 500;
const NOTE = 'wrk: 1 thread, 32 connections; driver, upstream, Redis and proxy share the cores';

/** Ours under wrk, and the upstream's port for whom it is compared with. */
async function oursUnderWrk(
  bench: Bench,
): Promise<{ readonly contender: Contender; readonly upstreamPort: number }> {
  requireProc();
  const redis = await startRedis(bench);
  const upstream = await staticUpstream(bench);
  const daemon = await startDaemon(bench, redis, upstream.child.port);
  const contender = await underWrk(bench, OURS, daemon, redis);
  return { contender, upstreamPort: upstream.child.port };
}

const proxyRps: Scenario = {
  name: 'proxy-rps',
  describe: 'proxy, 1 KB JSON, slots on, vs. bare node:http + undici without slots',
  bars: [{ name: 'proxy-rps', op: '>=', target: 0.6, unit: 'x' }],
  run: async (bench) => {
    const { contender, upstreamPort } = await oursUnderWrk(bench);
    const bare = await underWrk(bench, 'bare', await bareProxy(bench, upstreamPort));
    const rounds = await takeTurns(bench, [contender, bare]);
    const readings = { 'proxy-rps': ratioOf(rounds, 'requests_per_second', OURS, 'bare') };
    return { kind: 'measured', rounds, readings, notes: [NOTE] };
  },
};

const proxyCpu: Scenario = {
  name: 'proxy-cpu',
  describe: 'CPU of the daemon per request, vs. nginx as a reverse proxy',
  bars: [{ name: 'proxy-cpu', op: '<=', target: 4, unit: 'x' }],
  run: async (bench) => {
    const { contender, upstreamPort } = await oursUnderWrk(bench);
    const nginx = await underWrk(bench, 'nginx', await nginxProxy(bench, upstreamPort));
    const rounds = await takeTurns(bench, [contender, nginx]);
    const readings = { 'proxy-cpu': ratioOf(rounds, 'cpu_us_per_request', OURS, 'nginx') };
    const note = 'utime + stime of the process and its children; Redis is a column of its own';
    return { kind: 'measured', rounds, readings, notes: [NOTE, note] };
  },
};

const portkeyRps: Scenario = {
  name: 'portkey',
  describe: 'proxy, 1 KB JSON, slots on, vs. @portkey-ai/gateway on the same Node',
  bars: [{ name: 'portkey', op: '>=', target: 8, unit: 'x' }],
  run: async (bench) => {
    const { contender, upstreamPort } = await oursUnderWrk(bench);
    const peer = await underWrk(bench, 'portkey', await portkey(bench, upstreamPort));
    const rounds = await takeTurns(bench, [contender, peer]);
    const readings = { portkey: ratioOf(rounds, 'requests_per_second', OURS, 'portkey') };
    const note = 'Portkey: start-server.js --headless, NODE_ENV=production, no hooks, no cache';
    return { kind: 'measured', rounds, readings, notes: [NOTE, note] };
  },
};

const proxyLatency: Scenario = {
  name: 'proxy-latency',
  describe: `p50 that the proxy adds at a constant ${RATE} requests a second, slots on`,
  bars: [{ name: 'proxy-latency', op: '<=', target: 0.5, unit: 'ms' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const upstream = await staticUpstream(bench);
    const daemon = await startDaemon(bench, redis, upstream.child.port);
    const rounds = await takeTurns(bench, [
      underConstantRate(bench, OURS, daemon, RATE),
      underConstantRate(bench, 'direct', upstream, RATE),
    ]);
    const readings = { 'proxy-latency': differenceOf(rounds, 'p50_ms', OURS, 'direct') };
    const note = 'open loop: requests leave on time whether or not earlier ones have been answered';
    return { kind: 'measured', rounds, readings, notes: [note] };
  },
};

export const proxies: readonly Scenario[] = [proxyRps, proxyCpu, portkeyRps, proxyLatency];
