// Sets up what a fresh machine lacks, then runs a program with the Node this repository pins.
// Plain JavaScript for old Nodes: it is the one file that the machine's own Node has to understand.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');

/** Commands of Debian packages that the mesh needs, by the package that brings them. */
const debianCommands = { nftables: 'nft', iproute2: 'ip', 'util-linux': 'nsenter', mount: 'mount' };
/** Libraries that the pinned Node is linked with and a minimal Debian lacks. */
const nodeLibraries = ['libatomic1'];
/** Needed by the test suite alone: the stock client that it drives the API server with, an authority, and
 * programs of others on both sides of the waypoint. */
const testCommands = {
  'kubernetes-client': 'kubectl',
  openssl: 'openssl',
  curl: 'curl',
  'nghttp2-client': 'h2load',
  'redis-tools': 'redis-cli',
};

/** What the benchmark measures with. Where they cannot be had it says so and skips what needs them. */
const benchCommands = { iperf3: 'iperf3', 'nghttp2-client': 'h2load', wrk: 'wrk' };

/** Needed by the test suite alone, and only fetched: packages by a file that shows they are there. The stock
 * scraper, a web server; a container runtime with its plugins, and a program small enough for an image made on
 * the spot. */
const libraries = `usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const testPrograms = {
  prometheus: 'usr/bin/prometheus',
  nginx: 'usr/sbin/nginx',
  containerd: 'usr/bin/containerd',
  runc: 'usr/sbin/runc',
  libseccomp2: `${libraries}/libseccomp.so.2`,
  'containernetworking-plugins': 'usr/lib/cni/bridge',
  'busybox-static': 'bin/busybox',
};

function fail(code, message) {
  process.stderr.write(`${code} ${message}\n`);
  process.exit(1);
}

function onPath(command) {
  const folders = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`.split(':');
  return folders.some((folder) => folder !== '' && existsSync(path.join(folder, command)));
}

/** Installs dependencies when the lock file is not the one they were installed from. */
function installDependencies() {
  const lock = readFileSync(path.join(root, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).digest('hex');
  const mark = path.join(modules, '.ambit-lock');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return;
  process.stderr.write('setup: installing dependencies\n');
  const done = spawnSync('npm', ['install', '--no-save', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0)
    fail('AMB1001', 'npm install failed: see its output above, then run it by hand');
  writeFileSync(mark, digest);
}

/** Names of those packages whose command is not there. */
function lacking(wanted) {
  return Object.keys(wanted).filter((name) => !onPath(wanted[name]));
}

/** Installs packages; without them `refuse` is called with a code and what to do. */
function installPackages(missing, refuse = fail) {
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install -y ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    refuse('AMB1002', `missing Debian packages: ${missing.join(', ')}. Run as root: ${command}`);
    return;
  }
  process.stderr.write(`setup: installing Debian packages: ${missing.join(' ')}\n`);
  const done = spawnSync('sh', ['-c', command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (done.status !== 0) {
    refuse('AMB1002', `could not install ${missing.join(', ')}: run ${command}`);
  }
}

function warn(code, message) {
  process.stderr.write(`${code} ${message}\n`);
}

/** Puts programs of Debian packages into a folder without installing them: installed, they would bring
 * a service that starts by itself. What cannot be had is left to the tests that need it. */
function unpackPrograms(wanted) {
  for (const [name, file] of Object.entries(wanted)) {
    const folder = path.join(modules, '.ambit-programs', name);
    if (existsSync(path.join('/', file)) || existsSync(path.join(folder, file))) continue;
    process.stderr.write(`setup: fetching the package ${name}\n`);
    mkdirSync(folder, { recursive: true });
    const fetch = `apt-get download ${name}`;
    const script = `{ ${fetch} || { apt-get update && ${fetch}; }; } && dpkg-deb -x ${name}_*.deb . && rm ${name}_*.deb`;
    const done = spawnSync('sh', ['-c', script], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (done.status !== 0) process.stderr.write(`AMB1002 could not fetch ${name}\n`);
  }
}

function pinnedNode() {
  const packageName = `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`;
  const pinned = path.join(modules, packageName, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath;
  return fail(
    'AMB1003',
    `Node ${process.versions.node} is too old and ${packageName} is not installed: run npm install`,
  );
}

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) fail('AMB1801', 'usage: node tools/run.mjs PROGRAM [ARGUMENT...]');
installDependencies();
const node = pinnedNode();
const runs = spawnSync(node, ['--version'], { stdio: 'ignore' }).status === 0;
installPackages([
  ...lacking(entry.startsWith('test/') ? { ...debianCommands, ...testCommands } : debianCommands),
  ...(runs ? [] : nodeLibraries),
]);
if (entry.startsWith('test/')) unpackPrograms(testPrograms);
if (entry.startsWith('bench/')) installPackages(lacking(benchCommands), warn);
const child = spawn(node, [path.join(root, entry), ...args], {
  stdio: 'inherit',
  env: {
    ...process.env,
    // Node keeps what it compiled, types stripped, for the many processes that start from the same files.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(modules, '.ambit-compiled'),
    PATH: `${path.dirname(node)}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
  },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
