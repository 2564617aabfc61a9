// Small decisions of laptop mode: paths, ports, names, records.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { laptopForm } from '../../src/standalone/laptop-form.ts';
import { choosePort, listeningPorts } from '../../src/standalone/listening-ports.ts';
import { readMeshManifests } from '../../src/standalone/mesh-parts.ts';
import { stateParent } from '../../src/standalone/state-folder.ts';
import {
  isAlive,
  processStartTime,
  readRecord,
  type SupervisorRecord,
  takePlace,
} from '../../src/standalone/supervisor-record.ts';
import { parsePublishedPort } from '../../src/standalone/supervisor-settings.ts';
import {
  commandObjects,
  nameOfCommand,
  parseEnvironmentFlags,
} from '../../src/standalone/user-command.ts';
import { settingsTable } from '../../src/ztunnel/settings.ts';
import { suite } from '../support/suite.ts';

const test = suite('parts of laptop mode');

test('keeps state where the user wants it, else where the system has it', () => {
  assert.is(stateParent({}, true, '/w'), '/var/lib/ambit');
  assert.is(stateParent({ HOME: '/home/u' }, false, '/w'), '/home/u/.local/state/ambit');
  assert.is(stateParent({ HOME: '/h', XDG_STATE_HOME: '/s' }, false, '/w'), '/s/ambit');
  assert.is(stateParent({ AMBIT_STATE_DIR: 'here' }, true, '/w'), '/w/here');
});

test('applies the manifests of a cluster, but for the deadline of a replaced proxy and the installer', () => {
  const repository = path.resolve(import.meta.dirname, '../..');
  const objects = readMeshManifests(repository).map(({ object }) => object);
  const changed = objects.filter((object) => laptopForm(object) !== object);
  assert.equal(
    changed.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['Deployment istiod', 'DaemonSet istio-cni-node', 'DaemonSet ztunnel'],
  );
  const [controller, agent, proxy] = changed.map((object) => JSON.stringify(laptopForm(object)));
  assert.match(proxy ?? '', '{"name":"CONNECTION_TERMINATION_DEADLINE","value":"596h"}');
  const read = settingsTable.CONNECTION_TERMINATION_DEADLINE.read('596h');
  assert.ok('value' in read && typeof read.value === 'number' && read.value < 2_147_483_000);
  assert.match(proxy ?? '', '"terminationGracePeriodSeconds":2147483');
  assert.match(controller ?? '', '"replicas":1,');
  assert.is(agent?.split('"CNI_INSTALL"').length, 2);
  assert.match(agent ?? '', '{"name":"CNI_INSTALL","value":"false"}');
});

test('reads published ports', () => {
  assert.equal(parsePublishedPort('8080:web:80'), {
    hostPort: 8080,
    service: 'web',
    namespace: 'default',
    servicePort: 80,
  });
  assert.is(parsePublishedPort('8080:web.shop:80')?.namespace, 'shop');
  for (const text of ['web:80', '0:web:80', '70000:web:80', '1:Web:1', '1:web:', 'x']) {
    assert.is(parsePublishedPort(text), undefined, text);
  }
});

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid';
function line(local: string, state = '0A'): string {
  return `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0`;
}

test('finds listening ports, and tells private ones', () => {
  const text = [
    header,
    line('00000000:1F90'),
    line('0100007F:0050'),
    line('0202F40A:0051', '01'),
    line('00000000000000000000000001000000:0052'),
    line('00000000000000000000000000000000:0053'),
    '',
  ].join('\n');
  assert.equal(listeningPorts(text), [
    { port: 0x50, reachable: false },
    { port: 0x52, reachable: false },
    { port: 0x53, reachable: true },
    { port: 0x1f90, reachable: true },
  ]);
});

test('serves the lowest reachable port that is not one of the mesh', () => {
  const open = (port: number, reachable = true) => ({ port, reachable });
  assert.equal(choosePort([open(80, false), open(3000), open(9000)]), {
    kind: 'found',
    port: 3000,
  });
  assert.equal(choosePort([open(15_001), open(15_008)]), { kind: 'none' });
  assert.equal(choosePort([open(80, false), open(15_006)]), { kind: 'private', port: 80 });
});

test('names a command by its script, else by its program', () => {
  assert.is(nameOfCommand(['node', '--flag', 'src/My_Server.ts']), 'my-server');
  assert.is(nameOfCommand(['/usr/bin/python3', 'app.py', 'x']), 'app');
  assert.is(nameOfCommand(['/opt/caddy', 'run']), 'caddy');
  assert.is(nameOfCommand(['node', '-e', '1']), 'app');
});

test('makes a service at once only for a port that is known', () => {
  const command = { name: 'api', namespace: 'shop', words: ['x'], folder: '/w', env: { A: 'b' } };
  const kinds = (port?: number): string[] =>
    commandObjects({ ...command, ...(port === undefined ? {} : { port }) }).map(({ kind }) => kind);
  assert.equal(kinds(), ['Deployment']);
  assert.equal(kinds(80), ['Deployment', 'Service']);
  assert.equal(parseEnvironmentFlags(['A=b=c', 'D=']), { A: 'b=c', D: '' });
  assert.throws(() => parseEnvironmentFlags(['=x']), /AMB1801/);
});

function record(pid: number, startTime: string): SupervisorRecord {
  return {
    mesh: 'm',
    pid,
    startTime,
    port: 1,
    nodes: [],
    userNamespace: false,
    startedAt: 'then',
    ready: true,
  };
}

test('a living supervisor keeps its place, a dead one loses it', async ({ stack }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-record-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'supervisor.json');
  const child = spawn('sleep', ['1000']);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const other = record(child.pid ?? 0, processStartTime(String(child.pid)) ?? '');
  const own = record(process.pid, processStartTime('self') ?? '');
  writeFileSync(file, JSON.stringify(other));
  assert.throws(() => takePlace(file, own), /AMB1102 mesh m: .*since then/);
  child.kill('SIGKILL');
  await ended;
  assert.not.ok(isAlive(other));
  const place = takePlace(file, own);
  assert.is(readRecord(file)?.pid, process.pid);
  place[Symbol.dispose]();
  assert.is(readRecord(file), undefined);
});

test('a process with a recycled pid is not the recorded one', () => {
  assert.ok(isAlive(record(process.pid, processStartTime('self') ?? '')));
  assert.not.ok(isAlive(record(process.pid, '1')));
});

test.run();
