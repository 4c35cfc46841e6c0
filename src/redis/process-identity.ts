// Whether a process that was seen earlier still lives. A pid alone is reused, after a reboot or in
// a container at once; so a process is known by its pid and the moment of its start.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process on the same boot only. */
  readonly started: string;
}

/** Identity of a running process, or undefined when there is none with this pid. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform !== 'linux') return await identifyByPs(pid);
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // The command's name may contain spaces and brackets: the fields start after its last ")".
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    // A zombie has ended; only its parent has not noticed yet.
    if (state === 'Z' || state === 'X' || started === undefined) return undefined;
    return { pid, started: `${boot.trim()}/${started}` };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process is still running. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const current = await identifyProcess(identity.pid);
  return current?.started === identity.started;
}

async function identifyByPs(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    const started = stdout.trim();
    return started === '' ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}
