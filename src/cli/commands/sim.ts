// `slotkeeper sim`: runs the simulated upstream by itself, shows its counts while it runs and the
// high-water marks at its end. What it answers is in sim/.
import { InvalidArgumentError, type Command } from 'commander';
import { AppError } from '../../core/errors.ts';
import { behaviourPatch, DEFAULT_BEHAVIOUR, type BehaviourPatch } from '../../sim/behaviour.ts';
import type { Simulator, SimulatorOptions, SimulatorStats } from '../../sim/options.ts';
import { startSimulator } from '../../sim/server.ts';
import { checkedBy, integerFrom, share } from '../arguments.ts';
import { liveLine } from '../live-line.ts';
import { formatTable } from '../table.ts';

interface SimCommandOptions {
  readonly port: number;
  readonly host: string;
  readonly limit?: Readonly<Record<string, number>>;
  readonly model?: readonly string[];
  readonly seed?: number;
  readonly latency?: BehaviourPatch['latencyMs'];
  readonly chunkDelay?: BehaviourPatch['chunkDelayMs'];
  readonly tokens?: number;
  readonly tokenizer?: boolean;
  readonly billFactor?: number;
  readonly reply?: string;
  readonly usage?: BehaviourPatch['streamUsage'];
  readonly errorRate?: number;
  readonly errorStatus?: BehaviourPatch['errorStatuses'];
  readonly resetRate?: number;
  readonly cutRate?: number;
  readonly hangRate?: number;
}

const { shape } = behaviourPatch;
const STATS_INTERVAL_MS = 250;

const EXAMPLES = `
A single request may ask for its own behaviour, by a directive in its last message, by x-sim-*
headers, or by a suffix of its model:
  "Hello [sim latency=200 tokens=50 chunk=20..40]"   x-sim-status: 503   gpt-4@sim:fault=hang
  words: latency chunk tokens lengths bill-factor reply model status fault retry-after usage
  faults: reset (before any byte), cut (in mid-body), hang, stall (in mid-body), endless

Counts and control while it runs:
  curl URL/_sim/stats      curl -X POST URL/_sim/reset
  curl -X POST URL/_sim/configure -d '{"limits":{"key":5},"behaviour":{"latencyMs":"50..200"}}'

Example:
  slotkeeper sim --limit key-a=2 --limit key-b=5 --latency 50..200 --error-rate 0.01`;

export function register(program: Command): void {
  program
    .command('sim')
    .description('run a simulated upstream that holds every key to its concurrency limit')
    .option('--port <port>', 'port to listen on; 0 takes a free one', integerFrom(0, 65_535), 8090)
    .option(
      '--host <address>',
      'address to listen on; /_sim is open to whoever reaches it',
      '127.0.0.1',
    )
    .option(
      '--limit <key=n>',
      'concurrent requests of one key (repeatable); without any, every key is welcome and unlimited',
      addLimit,
    )
    .option('--model <name>', 'model that /v1/models lists (repeatable)', addTo)
    .option('--latency <ms>', 'before the first byte: 200, or 50..200', checkedBy(shape.latencyMs))
    .option('--chunk-delay <ms>', 'between two chunks of a stream', checkedBy(shape.chunkDelayMs))
    .option(
      '--tokens <n>',
      `words of an answer (default: ${DEFAULT_BEHAVIOUR.tokens})`,
      integerFrom(1, 100_000),
    )
    .option(
      '--tokenizer',
      'bill by a real tokenizer, with cached prefixes; answers have natural lengths unless --tokens',
    )
    .option(
      '--bill-factor <n>',
      'multiply the usage that is reported: to see an estimator fail',
      checkedBy(shape.billFactor),
    )
    .option('--reply <text>', 'what to answer; "echo" repeats the last message')
    .option(
      '--usage <when>',
      'usage in streams: "requested" (as OpenAI) or "always"',
      checkedBy(shape.streamUsage),
    )
    .option('--error-rate <share>', 'share of requests that are answered with an error', share)
    .option(
      '--error-status <list>',
      'the errors to draw from, such as 429,500,529',
      checkedBy(shape.errorStatuses),
    )
    .option('--reset-rate <share>', 'share that is reset before any byte', share)
    .option('--cut-rate <share>', 'share that is cut in mid-body', share)
    .option('--hang-rate <share>', 'share that is never answered', share)
    .option('--seed <n>', 'repeats the same draws', integerFrom(0))
    .addHelpText('after', EXAMPLES)
    .action(run);
}

type Limits = Readonly<Record<string, number>>;

function addLimit(text: string, limits: Limits = {}): Limits {
  // The last "=": keys may well contain one, numbers never.
  const [, key, limit] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError('Use KEY=NUMBER, such as key-a=2.');
  return { ...limits, [key]: Number(limit) };
}

function addTo(text: string, list: readonly string[] = []): readonly string[] {
  return [...list, text];
}

async function run(options: SimCommandOptions): Promise<void> {
  const simulator = await start(simulatorOptions(options));
  const { seed } = simulator.snapshot();
  console.log(`simulated upstream  ${simulator.url}/v1  (seed ${seed}; Ctrl-C ends it)`);

  const line = liveLine(process.stderr);
  const timer = setInterval(
    () => line.show(() => statsLine(simulator.snapshot())),
    STATS_INTERVAL_MS,
  );
  await interrupted();
  clearInterval(timer);
  const stats = simulator.snapshot();
  line.finish(statsLine(stats));
  await simulator.stop();
  console.log(`\n${highWaterTable(stats)}`);
}

async function start(options: SimulatorOptions): Promise<Simulator> {
  try {
    return await startSimulator(options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const place = `${options.host ?? ''}:${options.port ?? 0}`;
    throw new AppError(
      'config_invalid',
      `Cannot listen on ${place} (${code}). Choose another --port; 0 takes a free one.`,
      { cause: error },
    );
  }
}

function simulatorOptions(options: SimCommandOptions): SimulatorOptions {
  const behaviour: BehaviourPatch = {
    latencyMs: options.latency,
    chunkDelayMs: options.chunkDelay,
    tokens: options.tokens,
    ...(options.tokenizer && { bill: 'tokens' }),
    ...(options.tokenizer && options.tokens === undefined && { lengths: 'natural' }),
    billFactor: options.billFactor,
    reply: options.reply,
    streamUsage: options.usage,
    errorRate: options.errorRate,
    errorStatuses: options.errorStatus,
    resetRate: options.resetRate,
    cutRate: options.cutRate,
    hangRate: options.hangRate,
  };
  return {
    port: options.port,
    host: options.host,
    limits: options.limit,
    models: Object.fromEntries((options.model ?? []).map((model) => [model, {}])),
    behaviour,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
}

/** Resolves at the first SIGINT or SIGTERM. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve());
  });
}

function statsLine(stats: SimulatorStats): string {
  const { inFlight, total, rejected, aborted, unknown, oversold } = stats;
  return (
    `in flight ${inFlight} · total ${total} · rejected ${rejected} · aborted ${aborted}` +
    ` · unknown key ${unknown} · oversold ${oversold}`
  );
}

function highWaterTable({ credentials }: SimulatorStats): string {
  return formatTable(
    ['key', 'limit', 'high water', 'total', 'rejected', 'aborted'],
    credentials.map(({ credential, limit, highWater, total, rejected, aborted }) => [
      credential === '' ? '(none)' : credential,
      limit ?? 'none',
      highWater,
      total,
      rejected,
      aborted,
    ]),
  );
}
