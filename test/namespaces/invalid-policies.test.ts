// A running mesh whose policies are mistyped and got past the webhook, with restarts of the controller: nothing that was closed
// opens, and the author and whoever asks why are told.

import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh, withoutWebhook } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');

const test = suite<{ readonly mesh: LaptopMesh }>('mistyped policies', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'lastvalid', {
      folder: bookinfo,
      publish: 'productpage:9080',
    });
    await withoutWebhook(mesh);
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    return { mesh };
  },
});

const policy = (principal: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: details, namespace: default}
spec:
  selector: {matchLabels: {app: details}}
  action: DENY
  rules: [{from: [{source: {principals: ["${principal}"]}}]}]
`;
const account = 'cluster.local/ns/default/sa/bookinfo-productpage';

async function apply(mesh: LaptopMesh, text: string): Promise<void> {
  const ran = await mesh.kubectlRaw(['apply', '-f', '-'], text);
  assert.is(ran.code, 0, ran.stderr);
}

const details = async (mesh: LaptopMesh): Promise<number> =>
  (await mesh.get('/api/v1/products/0')).status;

async function untilAnswers(mesh: LaptopMesh, status: number): Promise<void> {
  await until(
    `details to answer ${status}`,
    async () => (await details(mesh)) === status || undefined,
  );
}

async function untilAccepted(mesh: LaptopMesh, words: string): Promise<void> {
  await until(`the condition to say ${words}`, async () => {
    const where = 'jsonpath={.status.conditions[?(@.type=="ambit.io/Accepted")].message}';
    const text = await mesh.kubectl('get', 'authorizationpolicy', 'details', '-o', where);
    return text.includes(words) || undefined;
  });
}

async function restartController(mesh: LaptopMesh, meanwhile = async () => {}): Promise<void> {
  const scale = (count: number) =>
    mesh.kubectl('scale', '-n', 'istio-system', 'deployment/istiod', `--replicas=${count}`);
  const pods = () =>
    mesh.kubectl('get', 'pods', '-n', 'istio-system', '-l', 'app=istiod', '-o', 'name');
  await scale(0);
  await until('the controller to be gone', async () => (await pods()) === '' || undefined);
  await meanwhile();
  await scale(1);
  const wait = ['--for=condition=Available', 'deployment/istiod', '--timeout=30s'];
  await mesh.kubectl('wait', '-n', 'istio-system', ...wait);
}

test('a policy stays in force through a mistyped edit and a restart of the controller', async ({
  mesh,
}) => {
  await untilAnswers(mesh, 200);
  await apply(mesh, policy(account));
  await until('details to be refused', async () => (await details(mesh)) !== 200 || undefined);
  await apply(mesh, policy(`spiffe://${account}`));
  await untilAccepted(mesh, 'stays in force');
  const saved = () =>
    mesh.kubectl(
      'get',
      'configmap',
      '-n',
      'istio-system',
      '-l',
      'ambit.io/last-valid=true',
      '-o',
      'name',
    );
  await until('the version to be saved', async () => (await saved()) !== '' || undefined);
  await restartController(mesh);
  await untilAccepted(mesh, 'generation 1) stays in force');
  assert.is.not(await details(mesh), 200);
  await mesh.kubectl('delete', 'authorizationpolicy', 'details');
  await untilAnswers(mesh, 200);
  await until('the saved version to go', async () => (await saved()) === '' || undefined);
});

test('a policy that was never valid closes, and ambit why names it', async ({ mesh }) => {
  await restartController(mesh, () => apply(mesh, policy('just-a-name')));
  await untilAccepted(mesh, 'AMB1619');
  await until('details to be refused', async () => (await details(mesh)) !== 200 || undefined);
  // The first failure may be of a connection that the policy cut, which tells another reason.
  const why = await until('the reason on record', async () => {
    await details(mesh);
    const { stdout } = await mesh.ambit('why', 'productpage', 'details');
    return stdout.includes('AMB1401') ? stdout : undefined;
  });
  assert.match(why, 'default/details');
  await apply(mesh, policy('cluster.local/ns/default/sa/nobody'));
  await untilAnswers(mesh, 200);
});

test.run();
