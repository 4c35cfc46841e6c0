// The peers that Slotkeeper is measured against: installed from bench/peers/package-lock.json when
// missing or stale, and loaded from there, never from the product's own dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Skipped } from './scenario.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', 'peers');
const LOCK = join(FOLDER, 'package-lock.json');
const INSTALLED = join(FOLDER, 'node_modules', '.package-lock.json');

/** Installs the locked peers unless they are there already. Scripts of packages do not run. */
export function installPeers(say: (line: string) => void): void {
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs) return;
  say('installing the peers (npm ci in bench/peers)');
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr } = spawnSync('npm', npm, { cwd: FOLDER, encoding: 'utf8' });
  if (status !== 0) say(`the peers could not be installed: ${stderr.trim().slice(-300)}`);
}

/** Loads a peer's module; the caller names the little of its interface that it uses. */
export function loadPeer(name: string): unknown {
  if (!existsSync(INSTALLED))
    throw new Skipped('the peers are not installed (npm ci in bench/peers)');
  return createRequire(join(FOLDER, 'package.json'))(name);
}

/** The folder of an installed peer. */
export function peerFolder(name: string): string {
  const folder = join(FOLDER, 'node_modules', name);
  if (!existsSync(folder)) throw new Skipped(`${name} is not installed (npm ci in bench/peers)`);
  return folder;
}

/** Exact versions of the peers, as locked. */
export function peerVersions(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return manifest.dependencies;
}
