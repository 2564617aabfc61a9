// The lists beside the plugged-in authority: what the controller takes from the Secret and writes into
// every namespace.

import * as assert from 'uvu/assert';
import { LiveAuthority } from '../../../src/controller/ca/live-authority.ts';
import { loadAuthority } from '../../../src/controller/ca/load-authority.ts';
import { revocationListChanges } from '../../../src/controller/root-certificates.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type Logger, silentLogger } from '../../../src/runtime/log.ts';
import { createRegistry } from '../../../src/runtime/metrics.ts';
import { revocationListPem } from '../../support/revocation-lists.ts';
import { suite } from '../../support/suite.ts';
import { tablesFrom } from '../tables.ts';
import { rootNamed, Secrets } from './secrets.ts';

const test = suite('revocation lists of the authority');

test('takes the lists of the Secret, keeps them while they are broken, and tells of each change', async ({
  stack,
}) => {
  const secrets = new Secrets();
  const root = rootNamed('root');
  secrets.plugIn(root);
  const errors: string[] = [];
  const log: Logger = { ...silentLogger, error: (_fields, text) => void errors.push(text) };
  const first = await loadAuthority(secrets, 'cluster.local', Date.now(), silentLogger);
  const registry = createRegistry();
  const live = stack.use(
    new LiveAuthority(first, { secrets, registry, clock: systemClock, log, lookEveryMs: 2 }),
  );
  const told: string[] = [];
  live.subscribe((what) => void told.push(what));
  const put = (lists: string): void => {
    const files = new Map([...(secrets.all.get('cacerts') ?? []), ['ca-crl.pem', lists]]);
    secrets.all.set('cacerts', files);
  };
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await systemClock.wait(1);
  };
  assert.is(live.revocationLists, undefined, 'not known before the Secret was read');
  await until(() => live.revocationLists === '');
  assert.equal(told, [], 'no lists are no change');
  const list = revocationListPem(root, [root.certPem]);
  put(list);
  await until(() => told.length === 1);
  assert.is(live.revocationLists, list);
  put('nonsense');
  await until(() => errors.length === 1);
  assert.match(errors[0] ?? '', /^AMB1638 Secret cacerts ca-crl.pem: there is no block X509 CRL/);
  assert.is(live.revocationLists, list);
  put('');
  await until(() => told.length === 2);
  assert.is(live.revocationLists, '');
  assert.equal(told, ['revocation lists', 'revocation lists']);
  assert.match(await registry.text(), /ambit_ca_reloads_total\{result="failed"\} 1/);
});

test('writes the lists into every namespace, and empties them where they were', () => {
  const namespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-public}
`;
  const existing = (content: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-ca-crl, namespace: default, labels: {istio.io/config: "true"}}
data: {ca-crl.pem: "${content}"}
`;
  const written = (yaml: string, lists: string) =>
    revocationListChanges(tablesFrom(yaml), lists).apply.map(({ body }) => [
      body.metadata.namespace,
      (body as { data?: Record<string, string> }).data?.['ca-crl.pem'],
    ]);
  assert.equal(written(namespaces, 'lists'), [
    ['default', 'lists'],
    ['kube-system', 'lists'],
  ]);
  assert.equal(written(namespaces + existing('lists'), 'lists'), [['kube-system', 'lists']]);
  assert.equal(written(namespaces + existing('lists'), ''), [['default', '']]);
  assert.equal(written(namespaces, ''), []);
});

test.run();
