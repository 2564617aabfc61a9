import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { Installer } from '../../src/cni/install/installer.ts';
import type { ConfigurationMode } from '../../src/cni/install/plan-install.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { suite } from '../support/suite.ts';
import { ManualClock } from '../waypoint/manual-clock.ts';
import { until } from './fake-ztunnel.ts';

const test = suite('installer');
const pauseMs = 1_000;
const proofMs = 10_000;
const cilium = '{"name":"cilium","plugins":[{"type":"cilium-cni"}]}';

/** A node's folders, and an installer on them whose time the test moves. */
class Node {
  readonly clock = new ManualClock();
  readonly told: string[] = [];
  readonly repaired: string[] = [];
  installed = false;
  readonly folder: string;
  readonly installer: Installer;

  constructor(stack: AsyncDisposableStack, mode: ConfigurationMode, prepare: (node: Node) => void) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'cni-installer-'));
    stack.defer(() => rmSync(this.folder, { recursive: true }));
    for (const name of ['bin', 'net.d']) mkdirSync(path.join(this.folder, name));
    writeFileSync(path.join(this.folder, 'program'), '#!/bin/sh\n');
    prepare(this);
    this.installer = new Installer({
      program: {
        executable: path.join(this.folder, 'program'),
        mounted: path.join(this.folder, 'bin'),
        onNode: '/opt/cni/bin',
      },
      configurations: path.join(this.folder, 'net.d'),
      wish: { entry: { type: 'ambit-cni' }, mode },
      mode: 0o600,
      tell: (_, message) => void this.told.push(message),
      metrics: {
        installed: (is) => {
          this.installed = is;
        },
        repaired: (part) => void this.repaired.push(part),
      },
      clock: this.clock satisfies Clock,
      log: silentLogger,
    });
    stack.use(this.installer);
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, 'net.d', name), text);
  }

  types(name: string): string[] {
    const text = readFileSync(path.join(this.folder, 'net.d', name), 'utf8');
    return (JSON.parse(text) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
  }

  /** Lets the pause after an attempt pass, and the next one come. */
  async nextAttempt(): Promise<void> {
    await this.clock.waited(pauseMs);
    this.clock.advance(pauseMs);
    // Whether something changed on disk, which ends the quiet time, or not.
    await Promise.race([this.clock.waited(proofMs), this.clock.waited(pauseMs)]);
    this.clock.advance(proofMs);
    await this.clock.waited(pauseMs);
  }
}

const chained = { kind: 'chained' } as const;

test('waits for a network plugin, and says for what', async ({ stack }) => {
  const node = new Node(stack, chained, () => undefined);
  await node.clock.waited(pauseMs);
  assert.match(node.installer.waitingFor.join(), /no valid configuration/);
  assert.is(node.installed, false);
  assert.match(node.told.join(), /^AMB1321 /);
  node.write('05-cilium.conflist', cilium);
  await node.nextAttempt();
  await node.installer.ready;
  assert.equal(node.installer.waitingFor, []);
  assert.is(node.installed, true);
  assert.equal(node.types('05-cilium.conflist'), ['cilium-cni', 'ambit-cni']);
  assert.ok(readdirSync(path.join(node.folder, 'bin')).includes('ambit-cni'));
  assert.equal(node.repaired, []);
});

test('keeps the mode of a file, and gives a new one to its owner alone', async ({ stack }) => {
  const node = new Node(stack, chained, ({ folder }) => {
    const file = path.join(folder, 'net.d', '05-cilium.conflist');
    writeFileSync(file, cilium);
    chmodSync(file, 0o644);
  });
  await node.installer.ready;
  const mode = (name: string): number =>
    statSync(path.join(node.folder, 'net.d', name)).mode & 0o777;
  assert.is(mode('05-cilium.conflist'), 0o644);
  const fileName = '02-ambit-cni.conflist';
  const own = new Node(stack, { kind: 'owned', fileName }, ({ folder }) => {
    writeFileSync(path.join(folder, 'net.d', '05-cilium.conflist'), cilium);
  });
  await own.installer.ready;
  assert.is(statSync(path.join(own.folder, 'net.d', fileName)).mode & 0o777, 0o600);
  assert.is(readFileSync(path.join(own.folder, 'net.d', '05-cilium.conflist'), 'utf8'), cilium);
});

test('puts back what others take away, counts it, and names the likely culprit in a fight', async ({
  stack,
}) => {
  const node = new Node(stack, chained, ({ folder }) => {
    writeFileSync(path.join(folder, 'net.d', '05-cilium.conflist'), cilium);
  });
  await node.installer.ready;
  for (let round = 1; round <= 3; round++) {
    assert.equal(node.told, []);
    await node.clock.waited(pauseMs);
    node.write('05-cilium.conflist', cilium);
    await until(async () => {
      await node.nextAttempt();
      return node.repaired.length >= round;
    }, `repair ${round}`);
    assert.equal(node.types('05-cilium.conflist'), ['cilium-cni', 'ambit-cni']);
  }
  assert.match(
    node.told.join(),
    /^AMB1328 05-cilium\.conflist .* 3 times .*Cilium.*cni\.exclusive=false/,
  );
  rmSync(path.join(node.folder, 'bin', 'ambit-cni'));
  await until(async () => {
    await node.nextAttempt();
    return node.repaired.includes('program');
  }, 'the program to come back');
});

test('a folder that cannot be written is told, and tried again', async ({ stack }) => {
  const node = new Node(stack, chained, ({ folder }) => {
    rmSync(path.join(folder, 'net.d'), { recursive: true });
  });
  await node.clock.waited(pauseMs);
  assert.match(node.told.join(), /^AMB1325 .*net\.d/);
  assert.match(node.installer.waitingFor.join(), /AMB1325/);
  mkdirSync(path.join(node.folder, 'net.d'));
  node.write('05-cilium.conflist', cilium);
  await node.nextAttempt();
  await node.installer.ready;
});

test('ends without a trace when it is told to remove everything', async ({ stack }) => {
  const node = new Node(stack, chained, ({ folder }) => {
    writeFileSync(path.join(folder, 'net.d', '05-cilium.conflist'), cilium);
    writeFileSync(path.join(folder, 'bin', 'bridge'), 'another');
  });
  await node.installer.ready;
  await node.installer[Symbol.asyncDispose]();
  await node.installer.remove();
  assert.equal(readdirSync(path.join(node.folder, 'net.d')), ['05-cilium.conflist']);
  const file = path.join(node.folder, 'net.d', '05-cilium.conflist');
  assert.is(readFileSync(file, 'utf8'), cilium);
  assert.equal(readdirSync(path.join(node.folder, 'bin')), ['bridge']);
});

test.run();
