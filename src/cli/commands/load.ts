// `slotkeeper load`: drives a daemon with many callers at once, some of whom leave, and then asks
// the upstream whether any account was oversold and the daemon whether every slot came back.
// Exit codes: 0 passed, 1 failed, 130 stopped by Ctrl-C.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { Agent } from 'undici';
import { behaviourPatch, type BehaviourPatch, type Range } from '../../sim/behaviour.ts';
import { prepareUpstream, viewCounters, viewUpstream } from '../../sim/load/observe.ts';
import type { LoadPlan } from '../../sim/load/plan.ts';
import { reportOf, type Findings } from '../../sim/load/report.ts';
import { runLoad } from '../../sim/load/run.ts';
import type { TenantShare } from '../../sim/load/shares.ts';
import { Tally } from '../../sim/load/tally.ts';
import { DEFAULT_URL, findTarget, type Target } from '../../sim/load/target.ts';
import { callersEach, runTenants } from '../../sim/load/tenant-run.ts';
import {
  parseTenantKeys,
  parseTenants,
  withKeys,
  type TenantWeight,
} from '../../sim/load/tenants.ts';
import { freshSeed } from '../../sim/random.ts';
import { checkedBy, httpStatuses, integerFrom, share } from '../arguments.ts';
import { liveLine } from '../live-line.ts';

interface LoadCommandOptions {
  readonly requests: number;
  readonly concurrency: number;
  readonly stream: number;
  readonly abort: number;
  readonly abortAfter: Range;
  readonly model: string;
  readonly url?: string;
  readonly own?: boolean;
  readonly apiKey?: string;
  readonly simUrl?: string;
  readonly simLatency?: Range;
  readonly simChunkDelay?: Range;
  /** False for --no-retry. */
  readonly retry: number | false;
  readonly timeout: number;
  readonly expect: readonly number[];
  readonly seed?: number;
  readonly tenants?: readonly TenantWeight[];
  readonly tenantKeys?: ReadonlyMap<string, string>;
  /** Seconds. */
  readonly duration: number;
}

const DEFAULT_RETRIES = 50;
const OWN_LATENCY_MS: Range = { min: 20, max: 100 };
const OWN_CHUNK_DELAY_MS: Range = { min: 0, max: 4 };
/** 200 or 50..200 */
const range = checkedBy(behaviourPatch.shape.latencyMs.unwrap());
/** What `parse` cannot read is a mistake on the command line, said in its own words. */
const readBy =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
const MS_PER_SECOND = 1000;
const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;
const PROGRESS_INTERVAL_MS = 50;
const BAR_WIDTH = 24;

const NOTES = `
Without --url the daemon at ${DEFAULT_URL} is used; when none answers there, one is started for
this run alone (demo configuration, a free port, a data directory of its own, a latency of 20..100)
and stopped after it.

The counts of the simulated upstream are started again when the run begins. The run fails when an
account was oversold, when the upstream had to reject a request, when a request got an unexpected
answer or none, or when a slot has not come back 2 s after the last request.

Shares (--tenants): each tenant has as many callers, all of them always with a request that runs or
waits, for --duration seconds; --requests and --abort are not used. The daemon must know the tenants
with these weights; one that is started for this run is configured with them, with keys of their own
and with 8 slots. A running one wants their keys (--tenant-keys). The table at the end says what each
was served, in slot-seconds: from the end of its wait in the queue, as the daemon tells it, to its
last byte. The run also fails when a share is more than 10 % off what the weights entitle to. A
tenant whose queue p50 is about 0 was not kept waiting: give it more callers (--concurrency).

Examples:
  slotkeeper load --tenants a:1,b:2,c:4 --duration 20
  slotkeeper load --url http://gateway:8080 --tenants a:1,b:2 --tenant-keys a=env:A_KEY,b=env:B_KEY
  slotkeeper load --requests 10000 --concurrency 200 --stream 0.5 --abort 0.1
  slotkeeper load --url http://gateway:8080 --api-key "$KEY" --sim-url http://sim:8090`;

export function register(program: Command): void {
  program
    .command('load')
    .description('load a daemon and check that nothing is oversold and every slot comes back')
    .option('--requests <n>', 'how many requests', integerFrom(1), 1000)
    .option(
      '--concurrency <n>',
      'callers at once; with --tenants shared out evenly among them',
      integerFrom(1, 20_000),
      100,
    )
    .addOption(
      new Option('--tenants <list>', 'tenants and weights (a:1,b:2,c:4): measure their shares')
        .argParser(readBy(parseTenants))
        .conflicts(['requests', 'abort']),
    )
    .addOption(
      new Option('--tenant-keys <list>', 'their API keys, a=KEY, or a=env:VARIABLE')
        .argParser(readBy(parseTenantKeys))
        .env('SLOTKEEPER_TENANT_KEYS'),
    )
    .option('--duration <s>', 'how long tenants are kept waiting', integerFrom(1, 86_400), 10)
    .option('--stream <share>', 'share of the requests that ask for a stream', share, 0.5)
    .option('--abort <share>', 'share of the requests whose client leaves early', share, 0)
    .addOption(
      new Option('--abort-after <ms>', 'when such a client leaves')
        .argParser(range)
        .default({ min: 0, max: 100 }, '0..100'),
    )
    .option('--model <name>', 'model to ask for', 'gpt-4')
    .option('--url <url>', `the daemon (default: ${DEFAULT_URL}, or one of its own)`)
    .addOption(
      new Option('--own', 'start a daemon for this run even where one runs').conflicts('url'),
    )
    .addOption(new Option('--api-key <key>', 'key of the daemon').env('SLOTKEEPER_API_KEY'))
    .addOption(
      new Option('--sim-url <url>', 'the simulated upstream (default: as the daemon says)').env(
        'SLOTKEEPER_SIM_URL',
      ),
    )
    .option('--sim-latency <ms>', 'latency of the simulated upstream from now on', range)
    .option('--sim-chunk-delay <ms>', 'between the chunks of its streams from now on', range)
    .option(
      '--retry <n>',
      'how often to send a request again that the gateway turned away, after its retry-after',
      integerFrom(0),
      DEFAULT_RETRIES,
    )
    .option('--no-retry', 'count such requests as answered')
    .option('--timeout <ms>', 'to the first byte, and between bytes', integerFrom(1), 60_000)
    .addOption(
      new Option('--expect <list>', 'statuses that are no failure of the run')
        .argParser(httpStatuses)
        .default([200], '200'),
    )
    .option('--seed <n>', 'repeats the same requests', integerFrom(0))
    .addHelpText('after', NOTES)
    .action(load);
}

async function load(options: LoadCommandOptions): Promise<void> {
  const plan = planOf(options);
  const interruption = interruptible();
  const { tenants, tenantKeys = new Map(), model } = options;
  const target = await findTarget({
    url: options.url,
    simUrl: options.simUrl,
    own: options.own === true,
    model,
    ...(tenants && { tenants: withKeys(tenants, tenantKeys, process.env) }),
  });
  try {
    const begun = target.own ? 'started for this run' : 'running already';
    console.log(`daemon ${target.url} (${begun}), model ${plan.model}, seed ${plan.seed}`);
    if (target.simUrl !== undefined) {
      await prepareUpstream(target.simUrl, paceOf(options, target.own));
    }
    const findings = await carryOut(plan, target, options, interruption);
    const report = reportOf(findings);
    console.log(`\n${report.text}`);
    if (!report.passed) process.exitCode = EXIT_FAILED;
    if (findings.interrupted) process.exitCode = EXIT_INTERRUPTED;
  } finally {
    await target.stop();
  }
}

function planOf(options: LoadCommandOptions): LoadPlan {
  return {
    requests: options.requests,
    concurrency: options.concurrency,
    model: options.model,
    streamShare: options.stream,
    abortShare: options.abort,
    abortAfterMs: options.abortAfter,
    retries: options.retry === false ? 0 : options.retry,
    timeoutMs: options.timeout,
    expected: options.expect,
    seed: options.seed ?? freshSeed(),
  };
}

/** Without a pace an account would never be full, and a run that fills none proves nothing. */
function paceOf({ simLatency, simChunkDelay }: LoadCommandOptions, own: boolean): BehaviourPatch {
  return {
    latencyMs: simLatency ?? (own ? OWN_LATENCY_MS : undefined),
    chunkDelayMs: simChunkDelay ?? (own ? OWN_CHUNK_DELAY_MS : undefined),
  };
}

async function carryOut(
  plan: LoadPlan,
  { url, simUrl, own, tenants }: Target,
  { apiKey = tenants[0]?.apiKey, duration }: LoadCommandOptions,
  signal: AbortSignal,
): Promise<Findings> {
  const tally = new Tally();
  const agent = new Agent({ connections: connectionsOf(plan, tenants.length), pipelining: 1 });
  const caller = { url, apiKey, agent, model: plan.model, timeoutMs: plan.timeoutMs };
  const startedAt = performance.now();
  const durationMs = tenants.length > 0 ? duration * MS_PER_SECOND : undefined;
  const stopProgress = showProgress(plan, tally, durationMs);
  const run = { plan, caller, tally, signal };
  let shares: readonly TenantShare[] | undefined;
  if (durationMs === undefined) await runLoad(run);
  else shares = await runTenants({ ...run, tenants, durationMs });
  stopProgress();
  const elapsedMs = performance.now() - startedAt;
  const counters = await viewCounters(url, apiKey);
  const upstream = await viewUpstream(simUrl);
  await agent.destroy();
  return {
    plan,
    tally,
    elapsedMs,
    upstream,
    counters,
    interrupted: signal.aborted,
    mustSee: own,
    shares,
  };
}

function connectionsOf(plan: LoadPlan, tenants: number): number {
  return tenants > 0 ? tenants * callersEach(plan, tenants) : plan.concurrency;
}

/** Returns what ends it. */
function showProgress(plan: LoadPlan, tally: Tally, durationMs?: number): () => void {
  const startedAt = performance.now();
  const line = liveLine(process.stderr);
  const text = () => {
    const elapsedMs = performance.now() - startedAt;
    if (durationMs === undefined) {
      return progressText(tally, elapsedMs, tally.finished / plan.requests, `/${plan.requests}`);
    }
    return progressText(tally, elapsedMs, Math.min(1, elapsedMs / durationMs));
  };
  const timer = setInterval(() => line.show(text), PROGRESS_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    line.finish(text());
  };
}

function progressText(tally: Tally, elapsedMs: number, done: number, ofAll = ''): string {
  const filled = Math.round(done * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const perSecond = Math.round((tally.finished / Math.max(1, elapsedMs)) * 1000);
  return (
    `${bar} ${Math.floor(done * 100)} %  ${tally.finished}${ofAll}` +
    `  ${perSecond}/s  ${tally.running} running  ${tally.retried} turned away`
  );
}

/** The first Ctrl-C ends the load and keeps the table; the second one ends everything. */
function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
      controller.abort();
    });
  }
  return controller.signal;
}
