// The environment of containers, and the volumes that show objects.

import * as assert from 'uvu/assert';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import {
  containerEnvironment,
  expand,
  type ObjectReader,
} from '../../../src/standalone/kubelet/environment.ts';
import type { Container } from '../../../src/standalone/kubelet/pod-types.ts';
import { volumeContent } from '../../../src/standalone/kubelet/volume-content.ts';
import { suite } from '../../support/suite.ts';
import { main, place, pod } from './pod-builder.ts';

const test = suite('environment and volumes of a container');

const settings: ApiObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop' },
  data: { COLOR: 'red', SIZE: '3' },
};
const credentials: ApiObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'credentials', namespace: 'shop' },
  data: { password: Buffer.from('geheim').toString('base64') },
};
const read: ObjectReader = (kind, name) =>
  [settings, credentials].find(
    (object) =>
      object.metadata.name === name && (object.kind === 'Secret') === (kind === 'secrets'),
  );

function environmentOf(container: Partial<Container>): ReturnType<typeof containerEnvironment> {
  const owner = pod(container);
  const base = new Map([['PATH', '/bin']]);
  return containerEnvironment(main(owner), owner, place, read, base);
}

function valuesOf(container: Partial<Container>): Record<string, string> {
  const result = environmentOf(container);
  assert.is(result.kind, 'ok');
  return result.kind === 'ok' ? Object.fromEntries(result.env) : {};
}

test('takes values, fields, keys and whole objects, later ones winning', () => {
  const values = valuesOf({
    envFrom: [
      { configMapRef: { name: 'settings' } },
      { prefix: 'P_', secretRef: { name: 'credentials' } },
    ],
    env: [
      { name: 'COLOR', value: 'blue' },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
      { name: 'TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'credentials', key: 'password' } } },
      { name: 'URL', value: 'http://$(IP):$(PORT)/$$(IP)' },
    ],
  });
  assert.equal(values, {
    PATH: '/bin',
    COLOR: 'blue',
    SIZE: '3',
    P_password: 'geheim',
    IP: '10.244.1.2',
    IPS: '10.244.1.2,fd00:10:244:1::2',
    TIER: 'front',
    SECRET: 'geheim',
    URL: 'http://10.244.1.2:$(PORT)/$(IP)',
  });
});

test('gives limits in units of the divisor, and the machine for those that are not set', () => {
  const field = (resource: string, divisor?: string): object => ({
    valueFrom: { resourceFieldRef: { resource, ...(divisor === undefined ? {} : { divisor }) } },
  });
  const values = valuesOf({
    resources: { limits: { cpu: '1500m' } },
    env: [
      { name: 'CPUS', ...field('limits.cpu') },
      { name: 'MILLIS', ...field('limits.cpu', '1m') },
      { name: 'MEGABYTES', ...field('limits.memory', '1Mi') },
      { name: 'ASKED', ...field('requests.memory') },
    ],
  });
  assert.is(values['CPUS'], '2');
  assert.is(values['MILLIS'], '1500');
  assert.is(values['MEGABYTES'], '1024');
  assert.is(values['ASKED'], '0');
});

test('names the variable whose object or key is missing', () => {
  const of = (name: string, key: string): ReturnType<typeof environmentOf> =>
    environmentOf({ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name, key } } }] });
  assert.equal(of('nothing', 'COLOR'), {
    kind: 'missing',
    field: 'containers[main].env[0]',
    problem: 'ConfigMap nothing does not exist',
  });
  const noKey = of('settings', 'SHAPE');
  assert.is(noKey.kind === 'missing' && noKey.problem, 'ConfigMap settings has no key SHAPE');
});

test('leaves out optional references to nothing', () => {
  const reference = { name: 'nothing', key: 'k', optional: true };
  const values = valuesOf({
    envFrom: [{ configMapRef: { name: 'nothing', optional: true } }],
    env: [{ name: 'X', valueFrom: { secretKeyRef: reference } }],
  });
  assert.equal(Object.keys(values), ['PATH']);
});

test('leaves references to unknown variables as they are', () => {
  assert.is(expand('$(A) $(B) $$(A) $', new Map([['A', '1']])), '1 $(B) $(A) $');
});

test('shows chosen keys of objects, tokens and labels as files', () => {
  const content = volumeContent(
    {
      name: 'v',
      projected: {
        defaultMode: 0o400,
        sources: [
          {
            configMap: {
              name: 'settings',
              items: [{ key: 'COLOR', path: 'ui/color', mode: 0o644 }],
            },
          },
          { secret: { name: 'credentials' } },
          { serviceAccountToken: { path: 'token', audience: 'istio-ca' } },
          {
            downwardAPI: {
              items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }],
            },
          },
        ],
      },
    },
    { pod: pod(), place, read, token: ({ audience }) => `token for ${audience}` },
  );
  assert.is(content.kind, 'ok');
  const files = content.kind === 'ok' ? [...content.files] : [];
  assert.equal(
    files.map(([name, { bytes, mode }]) => [name, bytes.toString(), mode]),
    [
      ['ui/color', 'red', 0o644],
      ['password', 'geheim', 0o400],
      ['token', 'token for istio-ca', 0o400],
      ['labels', 'app="web"\ntier="front"', 0o400],
    ],
  );
});

test('says which volume lacks its object, unless the object is optional', () => {
  const facts = { pod: pod(), place, read, token: () => undefined };
  const missing = volumeContent({ name: 'v', configMap: { name: 'nothing' } }, facts);
  assert.equal(missing, {
    kind: 'missing',
    field: 'volumes[v]',
    problem: 'ConfigMap nothing does not exist',
  });
  const optional = volumeContent(
    { name: 'v', secret: { secretName: 'no', optional: true } },
    facts,
  );
  assert.is(optional.kind === 'ok' && optional.files.size, 0);
});

test.run();
