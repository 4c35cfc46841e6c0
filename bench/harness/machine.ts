// What a figure depends on: the machine, the versions, the commit. Read once for each run.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { peerVersions } from './peers.ts';
import { findRedisServer, findTool, type Tool } from './tools.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly kernel: string;
  /** One-minute load average when the run began: far above 0, the figures are not for the record. */
  readonly loadAverage: number;
}

export interface RunFacts {
  readonly startedAt: string;
  /** Short hash, with `-dirty` when tracked files differ; `uncommitted` outside of history. */
  readonly commit: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}

export async function readRunFacts(startedAt: Date): Promise<RunFacts> {
  const processors = cpus();
  return {
    startedAt: startedAt.toISOString(),
    commit: commit(),
    machine: {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryMib: Math.round(totalmem() / 2 ** 20),
      kernel: `${type()} ${release()}`,
      loadAverage: loadavg()[0] ?? 0,
    },
    versions: {
      node: process.version,
      redis: await versionOf(findRedisServer(), ['--version']),
      nginx: await versionOf(findTool('nginx'), ['-v']),
      wrk: await versionOf(findTool('wrk'), ['-v']),
      ...ownVersions(),
      ...peerVersions(),
    },
  };
}

function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return 'uncommitted';
  const dirty = git('status', '--porcelain', '--untracked-files=no').stdout.trim() !== '';
  return head.stdout.trim() + (dirty ? '-dirty' : '');
}

async function versionOf(tool: Promise<Tool>, args: readonly string[]): Promise<string> {
  try {
    const { path, env } = await tool;
    const { stdout, stderr } = spawnSync(path, args, { env, encoding: 'utf8' });
    return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  } catch {
    return 'missing';
  }
}

function ownVersions(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; dependencies: Record<string, string> };
  return { slotkeeper: manifest.version, ...manifest.dependencies };
}
