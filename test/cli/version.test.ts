// ambit version: of the command, the control plane and the data plane.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { version } from '../../src/cli/commands/version.ts';
import { countedVersions } from '../../src/cli/versions.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './command-run.ts';
import { startPods } from './pod-servers.ts';

const test = suite('version');

const file = path.resolve(import.meta.dirname, '../../package.json');
const own = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;

test('proxies are counted by their version', () => {
  const parts = ['0.2.0', '0.1.0', '0.2.0'].map((one) => ({ name: 'x', version: one }));
  assert.is(countedVersions(parts), '0.1.0 (1 proxy), 0.2.0 (2 proxies)');
});

test('the own version needs no cluster', async () => {
  const env = { HOME: '/nowhere', AMBIT_STATE_DIR: '/nowhere' };
  const alone = await runCommand(version, ['--remote', 'false'], env);
  assert.equal([alone.code, alone.out], [0, `${own}\n`]);
  const asked = await runCommand(version, ['--short'], env);
  assert.is(asked.code, 1);
  assert.match(asked.err, 'AMB1803');
  assert.match(asked.out, `client version: ${own}\ncontrol plane version: none\n`);
});

test('replicas and proxies of different versions are told apart', async ({ stack }) => {
  const proxy = (name: string, build: string) => ({
    proxy: { kind: 'ztunnel', name, namespace: 'istio-system' },
    build: { cluster: 'Kubernetes', version: build },
    types: [],
    peer: '',
  });
  const istiod = (name: string, build: string, connected: readonly object[]) => ({
    name,
    labels: { app: 'istiod' },
    pages: {
      '15014/version': `${build}\n`,
      '15014/debug/proxies': JSON.stringify({ connected }),
    },
  });
  const { api } = await startPods(stack, [
    istiod('istiod-1', '0.1.0', [proxy('ztunnel-b', '0.1.0'), proxy('ztunnel-a', '')]),
    istiod('istiod-2', '0.2.0', [proxy('ztunnel-c', '0.1.0')]),
  ]);
  const run = (...args: string[]) => runCommand(version, [...args, '-c', api.kubeconfig]);
  const short = await run('-s');
  assert.is(short.code, 0);
  assert.is(
    short.out,
    [
      `client version: ${own}`,
      'control plane version: 0.1.0, 0.2.0',
      'data plane version: 0.1.0 (2 proxies), unknown (1 proxy)',
      '',
    ].join('\n'),
  );
  assert.match(
    (await run()).out,
    '  0.2.0   istiod-2.istio-system\n  unknown   ztunnel-a.istio-system\n',
  );
  const { dataPlane } = JSON.parse((await run('-o', 'json')).out) as { dataPlane: object[] };
  assert.equal(dataPlane[1], { name: 'ztunnel-b.istio-system', version: '0.1.0' });
});

test.run();
