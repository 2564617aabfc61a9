// ambit enroll on the embedded API server; this test plays the node agent.

import * as assert from 'uvu/assert';
import { enroll } from '../../src/cli/commands/enroll.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { type Harness, startHarness, until } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './run-command.ts';

const test = suite('enroll', {
  async setup({ stack }) {
    const api = await startHarness(stack);
    await api.succeed('create namespace istio-system');
    for (const app of ['istiod', 'ztunnel', 'istio-cni-node']) {
      await runningPod(api, 'istio-system', app, {});
    }
    const space = async (name: string, policy?: object) => {
      await api.succeed(`create namespace ${name}`);
      await runningPod(api, name, 'web', {});
      if (policy === undefined) return;
      const object = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'web-only', namespace: name },
        spec: policy,
      };
      await api.succeed('create -f -', JSON.stringify(object));
    };
    const note = (namespace: string, name: string) =>
      api.server.store.mergePatch('pods', namespace, name, {
        metadata: { annotations: { 'ambient.istio.io/redirection': 'enabled' } },
      });
    const mode = (name: string) =>
      api.server.store.get('namespaces', '', name)?.metadata.labels?.['istio.io/dataplane-mode'];
    return { api, space, note, mode };
  },
});

async function runningPod(
  api: Harness,
  namespace: string,
  app: string,
  spec: object,
): Promise<void> {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: app, namespace, labels: { app } },
    spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'a' }], ...spec },
  };
  await api.succeed('create -f -', JSON.stringify(object));
  const conditions = [{ type: 'Ready', status: 'True' }];
  const status = { phase: 'Running', conditions, podIPs: [{ ip: '10.0.0.1' }] };
  api.server.store.mergePatch('pods', namespace, app, { status }, 'status');
}

const portOnly = {
  podSelector: {},
  ingress: [{ ports: [{ port: 80 }], from: [{ podSelector: {} }] }],
};

test('labels the namespace, and returns when its pods have joined', async ({
  api,
  space,
  note,
  mode,
  signal,
}) => {
  await space('shop');
  assert.is(mode('shop'), undefined);
  const running = runCommand(enroll, api.kubeconfig, 'shop', signal);
  await until(() => mode('shop') === 'ambient', signal);
  note('shop', 'web');
  const { code, stdout, stderr } = await running;
  assert.equal([code, stderr.replace(/^(?:looking|waiting) .*\n/gm, '')], [0, '']);
  assert.is(
    stdout,
    'namespace shop labeled with "istio.io/dataplane-mode: ambient"\nPOD   NODE   MESH\nweb   n1     joined\n',
  );
});

test('the check tells what would break with its remedy, and changes nothing', async ({
  api,
  space,
  mode,
  signal,
}) => {
  await space('closed', portOnly);
  await runningPod(api, 'closed', 'db', {});
  const { code, stdout } = await runCommand(enroll, api.kubeconfig, 'closed --check', signal);
  assert.is(code, 1);
  assert.match(
    stdout,
    /^breaks +AMB1861 +NetworkPolicy closed\/web-only: .*\n +Remedy: Let the same/,
  );
  assert.match(stdout, /Enrolling namespace closed: 1 will break, 0 may\.\n$/);
  assert.is(mode('closed'), undefined);
  const json = await runCommand(enroll, api.kubeconfig, 'closed --check -o json', signal);
  const told = JSON.parse(json.stdout) as { findings: { code: string; remedy: string }[] };
  assert.equal(
    told.findings.map(({ code: one }) => one),
    ['AMB1861', 'AMB1864'],
  );
  assert.match(told.findings[0]?.remedy ?? '', '15008');
});

test('what would break stops it, unless it is confirmed', async ({
  api,
  space,
  note,
  mode,
  signal,
}) => {
  await space('stopped', portOnly);
  await runningPod(api, 'stopped', 'db', {});
  const refused = await runCommand(enroll, api.kubeconfig, 'stopped', signal).catch(
    (error: unknown) => error,
  );
  assert.is(codeOf(refused), 'AMB1872');
  assert.is(mode('stopped'), undefined);
  note('stopped', 'web');
  note('stopped', 'db');
  const done = await runCommand(enroll, api.kubeconfig, 'stopped --yes -o json', signal);
  assert.is(done.code, 0);
  assert.match(done.stderr, 'AMB1861');
  const { pods } = JSON.parse(done.stdout) as { pods: { pod: string; state: string }[] };
  assert.equal(
    pods.map(({ pod, state }) => `${pod} ${state}`),
    ['db joined', 'web joined'],
  );
});

test('a namespace without more than notes passes the check', async ({ api, space, signal }) => {
  await space('quiet', { podSelector: {}, ingress: [] });
  await runningPod(api, 'quiet', 'node-tool', { hostNetwork: true });
  const { code, stdout } = await runCommand(enroll, api.kubeconfig, 'quiet --check', signal);
  assert.is(code, 0, stdout);
  assert.match(stdout, /note +AMB1862 +Pod quiet\/node-tool/);
  assert.match(stdout, /Nothing was found that enrolling namespace quiet would break\.\n$/);
});

test('pods that do not join in time are named, and so is a namespace that is not there', async ({
  api,
  space,
  signal,
}) => {
  await space('late');
  const late = await runCommand(enroll, api.kubeconfig, 'late --timeout 1ms', signal).catch(
    (error: unknown) => error,
  );
  assert.is(codeOf(late), 'AMB1869');
  assert.match(String(late), 'Namespace late: 1 of 1 pods have not joined, such as web');
  const gone = await runCommand(enroll, api.kubeconfig, 'gone --check', signal).catch(
    (error: unknown) => error,
  );
  assert.is(codeOf(gone), 'AMB1860');
});

test('a large cluster is read page by page', async ({ api, space, signal }) => {
  await space('large');
  for (let index = 0; index < 600; index++) {
    api.server.store.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `tool-${index}`, namespace: 'large' },
      spec: { nodeName: 'n1', hostNetwork: true, containers: [{ name: 'main', image: 'a' }] },
    });
  }
  const { stdout } = await runCommand(enroll, api.kubeconfig, 'large --check -o json', signal);
  const { findings } = JSON.parse(stdout) as { findings: { code: string }[] };
  assert.is(findings.filter(({ code }) => code === 'AMB1862').length, 600);
});

test.run();
