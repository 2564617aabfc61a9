// The chart gives what the plain manifests give, and refuses values that it does not know.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { parseTemplate } from '../support/helm/parse-template.ts';
import { renderChart } from '../support/helm/render-chart.ts';
import { suite } from '../support/suite.ts';
import { type Manifest, nameOf, plainManifests, version } from './plain-manifests.ts';

const test = suite('chart');
const folder = path.resolve(import.meta.dirname, '../../deploy/helm/ambit');

function rendered(values: object = {}, namespace = 'istio-system'): ReadonlyMap<string, Manifest> {
  const objects = renderChart(folder, { namespace, values }) as Manifest[];
  return new Map(objects.map((object) => [nameOf(object), object]));
}

test('gives with its own values the objects of the plain manifests', () => {
  const chart = rendered();
  // Helm makes the namespace.
  const plain = plainManifests().filter(({ kind }) => kind !== 'Namespace');
  assert.equal([...chart.keys()].toSorted(), plain.map(nameOf).toSorted());
  for (const object of plain) {
    const other = chart.get(nameOf(object))!;
    if (object.kind === 'CustomResourceDefinition') {
      // Uninstalling a chart must not take the users' objects along.
      assert.equal(other.metadata.annotations, { 'helm.sh/resource-policy': 'keep' });
      delete other.metadata.annotations;
    }
    assert.equal(other, object, nameOf(object));
  }
});

test('installs into any namespace', () => {
  const objects = [...rendered({}, 'mesh').values()];
  assert.not.match(JSON.stringify(objects), 'istio-system');
  const text = JSON.stringify(objects);
  assert.match(text, '{"name":"CA_TRUSTED_NODE_ACCOUNTS","value":"mesh/ztunnel"}');
  assert.match(text, '"istiod.mesh.svc:15012"');
});

test('takes images, platform, settings and mesh configuration from values', () => {
  const chart = rendered({
    global: {
      hub: 'registry.example/mesh',
      tag: '9',
      platform: 'k3s',
      networkPolicy: { enabled: false },
    },
    pilot: { autoscaleEnabled: true, env: { LOG_LEVEL: 'debug', NUMBER: 5 } },
    meshConfig: { trustDomain: 'corp.example', accessLogFile: '/dev/stdout' },
    cni: { ambient: { ipv6: false } },
  });
  const text = (name: string): string => JSON.stringify(chart.get(name));
  assert.match(text('Deployment istiod'), '"image":"registry.example/mesh/controller:9"');
  assert.match(text('ConfigMap istiod-images'), 'registry.example/mesh/waypoint:9');
  assert.match(text('Deployment istiod'), '{"name":"NUMBER","value":"5"}');
  assert.not.match(text('Deployment istiod'), '"replicas"');
  assert.ok(chart.has('HorizontalPodAutoscaler istiod'));
  assert.match(text('DaemonSet ztunnel'), '{"name":"TRUST_DOMAIN","value":"corp.example"}');
  assert.equal(chart.get('ConfigMap istio')?.data, { mesh: 'accessLogFile: /dev/stdout\n' });
  assert.match(text('DaemonSet istio-cni-node'), '/var/lib/rancher/k3s/agent/etc/cni/net.d');
  assert.match(text('DaemonSet istio-cni-node'), '{"name":"AMBIENT_IPV6","value":"false"}');
  assert.ok(![...chart.keys()].some((name) => name.startsWith('NetworkPolicy')));
});

test('lets critical pods into its namespace where a platform wants a quota for that', () => {
  const quota = 'ResourceQuota ambit-critical-pods';
  assert.ok(!rendered().has(quota));
  assert.ok(rendered({ global: { platform: 'gke' } }).has(quota));
});

test('gives waypoints what is said of all of them', () => {
  const chart = rendered({ global: { waypoint: { nodeSelector: { pool: 'edge' } } } });
  const defaults = chart.get('ConfigMap istio-waypoint-defaults')!;
  const label = 'gateway.istio.io/defaults-for-class';
  assert.is(defaults.metadata.labels?.[label], 'istio-waypoint');
  assert.equal(parse(defaults.data?.['deployment'] ?? ''), {
    spec: { template: { spec: { nodeSelector: { pool: 'edge' } } } },
  });
});

interface ValueSchema {
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly additionalProperties?: unknown;
  readonly $ref?: string;
  readonly description?: string;
}

test('has a schema that knows every value and nothing else', () => {
  const text = readFileSync(path.join(folder, 'values.schema.json'), 'utf8');
  const schema = JSON.parse(text) as ValueSchema;
  const compare = (part: ValueSchema, values: unknown, at: string): void => {
    // Free forms: labels, variables, Istio's MeshConfig and parts of pods.
    if (part.$ref !== undefined || part.properties === undefined || at === '.meshConfig') return;
    assert.is(part.additionalProperties, false, `${at} takes what nobody knows`);
    const known = Object.keys(part.properties).toSorted();
    assert.equal(Object.keys(values as object).toSorted(), known, at);
    for (const [name, inner] of Object.entries(part.properties)) {
      compare(inner, (values as Record<string, unknown>)[name], `${at}.${name}`);
    }
  };
  compare(schema, parse(readFileSync(path.join(folder, 'values.yaml'), 'utf8')), '');
});

test('has the version of the mesh', () => {
  const chart = parse(readFileSync(path.join(folder, 'Chart.yaml'), 'utf8')) as {
    version: string;
    appVersion: string;
  };
  assert.equal([chart.version, chart.appVersion], [version, version]);
});

test('its renderer refuses what it does not know', () => {
  for (const template of [
    '{{ block "x" . }}',
    '{{ if true }}',
    '{{ (1 }}',
    '{{ 1 ~ 2 }}',
    '{{ x',
  ]) {
    assert.throws(() => {
      const { nodes } = parseTemplate(template);
      // `block` reads as a function, which nobody knows.
      if (JSON.stringify(nodes).includes('block')) throw new Error('unknown function block');
    }, template);
  }
});

test.run();
