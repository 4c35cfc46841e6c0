// What every command of a fresh clone needs before it can run: the right Node, the locked
// dependencies, a current build. Plain Node without dependencies; does nothing when all is there.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

const OLDEST_NODE = [20, 19];
const INSTALLED_STAMP = join(ROOT, 'node_modules', '.installed-from');
const BUILT_STAMP = join(ROOT, 'dist', '.built-from');
const BUILD_INPUTS = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** Ends the process with a message when a step fails. */
export async function setUp() {
  checkNode();
  await install();
  await build();
}

/** Runs a program with our terminal; resolves with its exit code, 130 when a signal ended it. */
export async function run(command, args, env = process.env) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env });
  const pass = (signal) => child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  const code = await new Promise((done) => {
    child.once('error', () => done(127));
    child.once('exit', (exitCode, signal) => done(signal === null ? exitCode : 130));
  });
  process.off('SIGINT', pass).off('SIGTERM', pass);
  return code;
}

/** Runs a program that a dependency brings, by its file below node_modules. */
export async function runTool(file, args, env = process.env) {
  return await run(process.execPath, [join(ROOT, 'node_modules', file), ...args], env);
}

export function say(line) {
  process.stderr.write(`${line}\n`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  stop(
    `Slotkeeper needs Node ${oldestMajor}.${oldestMinor} or newer; this is ${process.versions.node} ` +
      `(${process.execPath}). Get a newer one from https://nodejs.org, or with your version manager.`,
  );
}

async function install() {
  const wanted = hashOf(['package-lock.json']);
  if (readIfThere(INSTALLED_STAMP) === wanted) return;
  if (!matchesLock()) {
    say('Installing the locked dependencies …');
    const started = performance.now();
    // The build needs the development packages, even where NODE_ENV says production.
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    const code = await runNpm(args);
    if (code !== 0) stop('npm ci failed (see above). Is the registry reachable?', code);
    say(`Installed in ${seconds(started)}.`);
  }
  writeFileSync(INSTALLED_STAMP, wanted);
}

async function runNpm(args) {
  const npm = process.env.npm_execpath;
  // Under another package manager npm_execpath is not npm.
  if (npm !== undefined && /npm-cli\.[cm]?js$/.test(npm)) {
    return await run(process.execPath, [npm, ...args]);
  }
  return await run('npm', args);
}

/** Whether node_modules is what npm made of this very lock file, without our stamp. */
function matchesLock() {
  const installed = readJson(join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  const locked = readJson(join(ROOT, 'package-lock.json'))?.packages;
  if (installed === undefined || locked === undefined) return false;
  return Object.entries(locked).every(([path, { version, optional }]) => {
    return path === '' || optional === true || installed[path]?.version === version;
  });
}

async function build() {
  const wanted = hashOf(BUILD_INPUTS);
  if (readIfThere(BUILT_STAMP) === wanted) return;
  say('Building …');
  const started = performance.now();
  // A file that src no longer has must not live on in dist.
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const code = await runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
  // npm makes a command executable only when it links the package first.
  if (code === 0) chmodSync(join(ROOT, 'dist', 'cli', 'main.js'), 0o755);
  if (code !== 0) stop('The build failed (see above).', code);
  writeFileSync(BUILT_STAMP, wanted);
  say(`Built in ${seconds(started)}.`);
}

/** One hash over the contents of files and folders: independent of times, which git resets. */
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesBelow).sort()) {
    hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  }
  return hash.digest('hex');
}

function filesBelow(path) {
  if (/\.(json|mjs)$/.test(path)) return [path];
  const entries = readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function readJson(path) {
  const text = readIfThere(path);
  return text === undefined ? undefined : JSON.parse(text);
}

function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

function stop(message, code = 1) {
  say(message);
  process.exit(code);
}
