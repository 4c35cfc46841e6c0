// A port of this machine that takes no connection: its queue is full, so the system lets further
// attempts hang, as a host behind a silent firewall does.
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export interface DeafListener {
  readonly port: number;
  stop(): void;
}

/** More than the queue of a backlog of 1 can hold. */
const FILLERS = 4;

export async function startDeafListener(): Promise<DeafListener> {
  const program = new URL('./programs/deaf-listener.mjs', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const fillers = Array.from({ length: FILLERS }, () => connect(port, '127.0.0.1'));
  for (const filler of fillers) filler.on('error', () => undefined);
  await firstConnected(fillers);
  return {
    port,
    stop: () => {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}

/** The queue is full once it has taken the two that fit. */
async function firstConnected(fillers: readonly Socket[]): Promise<void> {
  await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
}
