// Child processes of the bench: started, waited for, weighed by /proc, and stopped with the
// scenario. It refuses to leave a child behind, also when the bench itself is cut off.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { Skipped, type Bench } from './scenario.ts';

export interface Child {
  readonly pid: number;
  readonly port: number;
  /** CPU time of the process and its children since their start, in microseconds. */
  cpuUs(): number;
  /** Resident memory of the process and its children, in MiB. */
  rssMib(): number;
  /** Idempotent; happens at the end of the scenario at the latest. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The child counts as started when it accepts connections here. */
  readonly port: number;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5000;

/** Starts a child and waits until its port answers. */
export async function startChild(bench: Bench, options: ChildOptions): Promise<Child> {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
  }
  // SIGTERM, not SIGKILL: nginx's master must take its workers with it.
  const endWithUs = (): void => void child.kill('SIGTERM');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  bench.defer(() => stop(child));
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`${options.command} ended early (${code ?? signal}):\n${output}`)),
    );
  });
  failed.catch(() => undefined);
  await Promise.race([failed, untilListening(options.port, () => output)]);
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${options.command} did not start`);
  return {
    pid,
    port: options.port,
    cpuUs: () => sum(family(pid).map(cpuUsOf)),
    rssMib: () => sum(family(pid).map(rssMibOf)),
    stop: () => stop(child),
  };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(port: number, output: () => string): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (performance.now() > deadlineMs) throw new Error(`nothing listens on ${port}:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** The process and all that descend from it: nginx works in children of its master. */
function family(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

/** utime + stime of /proc/<pid>/stat, in ticks of 10 ms (USER_HZ is 100 on every Linux port). */
function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function rssMibOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Throws `Skipped` where there is no /proc to weigh children by. */
export function requireProc(): void {
  if (process.platform !== 'linux') throw new Skipped('CPU and memory are read from Linux’s /proc');
}
