#!/usr/bin/env node
// Starts a TypeScript file of this repository with the pinned Node 24, from any Node >= 20.
// Plain JavaScript without dependencies, because it runs before anything is installed.
//   node scripts/launch.mjs ENTRY.ts [ARGUMENT...]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const onWindows = process.platform === 'win32';

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) stop('usage: node scripts/launch.mjs ENTRY.ts [ARGUMENT...]');
  const reason = whyInstall();
  if (reason !== undefined) install(reason);
  launch(entry, args);
}

/**
 * Runs `entry` (relative paths start at the repository) with Node 24 in the caller's working directory. Signals go to it,
 * and this process ends as it ends: with its exit code, or by the signal that ended it.
 */
export function launch(entry, args) {
  const child = spawn(runtime(), [resolve(root, entry), ...args], { stdio: 'inherit' });
  child.on('error', (error) => stop(`cannot start Node 24: ${error.message}`));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => forward(signal, child));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

/** Installs exactly what package-lock.json names. Ends the process when that fails. */
export function install(reason) {
  console.error(`${reason}: running npm ci, which takes about a minute.`);
  // Some packages ask for a newer Node than the one that installs them; Node 24 runs them, so npm's warning is noise.
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: onWindows,
  });
  if (npm.error) stop(`npm could not be started (${npm.error.message}); install npm, then run npm ci`);
  if (npm.status !== 0) stop('npm ci failed; its message is above');
}

/**
 * Says why `npm ci` is needed, or undefined when node_modules holds what package-lock.json names. npm notes what it
 * installed in node_modules/.package-lock.json; contents are compared, as a fresh clone has arbitrary file times.
 */
export function whyInstall(folder = root) {
  const installed = packagesOf(join(folder, 'node_modules/.package-lock.json'));
  if (installed === undefined) return 'The dependencies are not installed yet';
  const locked = packagesOf(join(folder, 'package-lock.json'));
  if (locked === undefined) return undefined;
  for (const [path, { version, optional, devOptional }] of Object.entries(locked)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional packages are the binaries of other platforms.
    if (found === undefined ? !(optional || devOptional) : found.version !== version) {
      return 'The installed dependencies differ from package-lock.json';
    }
  }
  return undefined;
}

/** True when the dependencies were installed at some time: a glance, where whyInstall() compares everything. */
export function isInstalled() {
  return existsSync(join(root, 'node_modules'));
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** The pinned Node 24; without development packages (an image, say) the running Node, when it is new enough. */
function runtime() {
  const pinned = join(root, 'node_modules', 'node', 'bin', onWindows ? 'node.exe' : 'node');
  if (existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  stop(
    `Node 24 is needed and this is Node ${process.versions.node}; run npm ci in ${root} (with install scripts allowed) or use Node 24`,
  );
}

/** A terminal sends Ctrl-C to the child itself; passing it on would make it two, and two often mean "at once". */
function forward(signal, child) {
  if (signal === 'SIGINT' && process.stdin.isTTY) return;
  child.kill(signal);
}

function stop(message) {
  console.error(`launch: ${message}`);
  process.exit(1);
}
