// What the server reads: paths, selectors, repeated fields, JSONPath, protobuf; and how it writes ages.

import * as assert from 'uvu/assert';

import {
  fieldsOf,
  fieldsV1Of,
  pathsOfFieldsV1,
  readablePath,
} from '../../../src/standalone/api/apply/field-paths.ts';
import { parseBody } from '../../../src/standalone/api/http/read-body.ts';
import { parseResourcePath } from '../../../src/standalone/api/http/resource-path.ts';
import { decodeObject } from '../../../src/standalone/api/protobuf/decode-object.ts';
import { WireReader } from '../../../src/standalone/api/protobuf/wire-reader.ts';
import { WireWriter } from '../../../src/standalone/api/protobuf/wire-writer.ts';
import { definition } from '../../../src/standalone/api/schema/definitions.ts';
import { matchesFormat } from '../../../src/standalone/api/schema/formats.ts';
import {
  fulfilsAll,
  parseLabelSelector,
} from '../../../src/standalone/api/selectors/label-selector.ts';
import { WatchHistory } from '../../../src/standalone/api/storage/watch-history.ts';
import { duration } from '../../../src/standalone/api/table/ages.ts';
import { jsonPathValue } from '../../../src/standalone/api/table/json-path.ts';
import { suite } from '../../support/suite.ts';

const test = suite('reading');

test('takes paths apart', () => {
  const parts = (path: string): unknown => {
    const found = parseResourcePath(path);
    return (
      found && [
        found.group,
        found.version,
        found.namespace,
        found.resource,
        found.name,
        found.subresource,
        found.rest,
      ]
    );
  };
  const _ = undefined;
  assert.equal(parts('/api/v1/pods'), ['', 'v1', _, 'pods', _, _, '']);
  assert.equal(parts('/api/v1/namespaces'), ['', 'v1', _, 'namespaces', _, _, '']);
  assert.equal(parts('/api/v1/namespaces/a'), ['', 'v1', _, 'namespaces', 'a', _, '']);
  assert.equal(parts('/api/v1/namespaces/a/status'), [
    '',
    'v1',
    _,
    'namespaces',
    'a',
    'status',
    '',
  ]);
  assert.equal(parts('/api/v1/namespaces/a/pods/b/log'), ['', 'v1', 'a', 'pods', 'b', 'log', '']);
  assert.equal(parts('/api/v1/namespaces/a/pods/b:1/proxy/x%2Fy/z'), [
    '',
    'v1',
    'a',
    'pods',
    'b:1',
    'proxy',
    'x%2Fy/z',
  ]);
  assert.equal(parts('/apis/apps/v1/namespaces/a/deployments/b'), [
    'apps',
    'v1',
    'a',
    'deployments',
    'b',
    _,
    '',
  ]);
  for (const path of ['/', '/api', '/apis/apps/v1', '/openapi/v2', '/apis'])
    assert.is(parts(path), _, path);
});

test('selects by labels', () => {
  const labels = { app: 'web', tier: 'front', n: '5' };
  const yes = [
    '',
    'app=web',
    'app==web',
    'app!=db',
    'app',
    '!none',
    'app in (db,web)',
    'app notin (db)',
    'n>4',
    'app=web, tier in (front),n<6',
    'none!=x',
  ];
  const no = ['app=db', 'none', '!app', 'app notin (web)', 'n>5', 'none=x'];
  for (const text of yes) assert.ok(fulfilsAll(parseLabelSelector(text), labels), text);
  for (const text of no) assert.not.ok(fulfilsAll(parseLabelSelector(text), labels), text);
  assert.throws(() => parseLabelSelector('a b'), /AMB1203/);
});

test('finds repeated fields in JSON and YAML', () => {
  const json = '{"a":{"b":1,"b":2,"c":["b",{"d":1,"d":"}"}]},"a":"\\"a\\""}';
  assert.equal(parseBody(json, false).repeated, ['a.b', 'a.c[1].d', 'a']);
  const yaml = 'a:\n  b: 1\n  b: 2\nc:\n- d: 1\n  d: 2\n';
  assert.equal(parseBody(yaml, true).repeated, ['a.b', 'c[0].d']);
  assert.equal(parseBody('{"a":[{"a":1},{"a":1}]}', false).repeated, []);
});

test('follows the JSONPath of printer columns', () => {
  const object = {
    metadata: { labels: { 'a.b/c': 'x' } },
    list: [
      { t: 'a', v: 1 },
      { t: 'b', v: 2 },
    ],
  };
  const cases: readonly [string, unknown][] = [
    ['.list[0].v', 1],
    ['.list[-1].v', 2],
    ['.list[*].t', 'a,b'],
    ['.list[?(@.t=="b")].v', 2],
    [".list[?(@.t=='none')].v", undefined],
    ["{.metadata.labels['a.b/c']}", 'x'],
    ['.metadata.labels.a\\.b/c', 'x'],
    ['.none.deep', undefined],
  ];
  for (const [path, value] of cases) assert.equal(jsonPathValue(object, path), value, path);
});

test('writes ages as kubectl does', () => {
  const cases: readonly [number, string][] = [
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [192, '3m12s'],
    [601, '10m'],
    [10_800, '3h'],
    [12_000, '3h20m'],
    [90_000, '25h'],
    [259_200, '3d'],
    [262_800, '3d1h'],
    [86_400 * 900, '2y170d'],
  ];
  for (const [seconds, text] of cases) assert.is(duration(seconds * 1000), text);
});

test('knows the formats that are checked', () => {
  const good = [
    ['date-time', '2026-01-01T00:00:00.5+01:00'],
    ['quantity', '100m'],
    ['quantity', '1.5Gi'],
    ['duration', '1h30m'],
    ['ipv6', '::1'],
    ['other', 'x'],
  ];
  const bad = [
    ['date-time', 'yesterday'],
    ['quantity', '1Gb'],
    ['duration', '1 hour'],
    ['ipv4', '1.2.3'],
    ['uuid', 'x'],
  ];
  for (const [format, text] of good) assert.ok(matchesFormat(text!, format!), text);
  for (const [format, text] of bad) assert.not.ok(matchesFormat(text!, format!), text);
});

test('turns owned fields into FieldsV1 and back', () => {
  const service = {
    metadata: { name: 'x', uid: 'y', labels: { a: '1' }, finalizers: ['f'] },
    spec: {
      ports: [{ port: 80, name: 'http' }],
      selector: { app: 'x' },
      clusterIPs: ['10.96.0.1'],
    },
    status: { loadBalancer: {} },
  };
  const paths = [...fieldsOf(service, definition('Service'), 'all but status').keys()];
  const fields = fieldsV1Of(paths);
  assert.equal(fields, {
    'f:metadata': { 'f:labels': { 'f:a': {} }, 'f:finalizers': { 'v:"f"': {} } },
    'f:spec': {
      'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } },
      'f:selector': {},
      'f:clusterIPs': {},
    },
  });
  assert.equal([...pathsOfFieldsV1(fields)].toSorted(), paths.toSorted());
  const port = paths.find((path) => path.endsWith('f:name')) ?? '';
  assert.is(readablePath(port), '.spec.ports[port=80,protocol="TCP"].name');
});

test('reads objects in protobuf, and refuses damaged ones', () => {
  const writePod = (object: WireWriter): void => {
    object.message(1, (metadata) => {
      metadata.text(1, 'p');
      metadata.message(8, () => {});
      metadata.message(11, (entry) => {
        entry.text(1, 'app');
        entry.text(2, 'x');
      });
    });
    object.message(2, (spec) => {
      spec.message(2, (container) => {
        container.text(1, 'main');
        container.message(11, (probe) => {
          probe.message(1, (handler) =>
            handler.message(2, (http) => {
              http.text(1, '/ready');
              http.message(2, (port) => {
                port.integer(1, 0);
                port.integer(2, 8080);
              });
            }),
          );
          probe.integer(2, 0);
          probe.integer(4, 5);
        });
        container.message(8, (resources) =>
          resources.message(1, (entry) => {
            entry.text(1, 'cpu');
            entry.message(2, (quantity) => quantity.text(1, '100m'));
          }),
        );
      });
      spec.integer(4, 0);
    });
  };
  const envelope = new WireWriter();
  envelope.message(1, (type) => {
    type.text(1, 'v1');
    type.text(2, 'Pod');
  });
  envelope.message(2, writePod);
  const bytes = Buffer.concat([Buffer.from('k8s\0'), envelope.finish()]);
  const schemaOf = (_version: string, kind: string) => definition(kind);
  assert.equal(decodeObject(bytes, schemaOf), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'x' } },
    spec: {
      containers: [
        {
          name: 'main',
          readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
          resources: { limits: { cpu: '100m' } },
        },
      ],
      terminationGracePeriodSeconds: 0,
    },
  });
  assert.throws(() => decodeObject(bytes.subarray(0, -3), schemaOf), /damaged/);
  assert.throws(() => decodeObject(Buffer.from('none'), schemaOf), /AMB1201/);
});

test('carries numbers of every size through protobuf', () => {
  for (const value of [0, 1, 127, 128, 300, -1, 2 ** 31, -(2 ** 40), Number.MAX_SAFE_INTEGER]) {
    const writer = new WireWriter();
    writer.integer(1000, value);
    writer.double(2, value / 3);
    const reader = new WireReader(writer.finish());
    assert.equal(reader.tag(), [1000, 0]);
    assert.is(reader.integer(), value);
    reader.tag();
    assert.is(reader.double(), value / 3);
    assert.ok(reader.done);
  }
});

test('remembers a bounded number of changes and knows what it forgot', () => {
  const history = new WatchHistory(new Map([['a', 5]]), 3);
  assert.is(history.since('a', 4), 'expired');
  assert.equal(history.since('a', 5), []);
  const object = { apiVersion: 'v1', kind: 'A', metadata: { name: 'x' } };
  for (let version = 6; version <= 12; version++)
    history.record('a', { type: 'ADDED', version, object });
  assert.is(history.since('a', 8), 'expired');
  const left = history.since('a', 9);
  assert.equal(left === 'expired' ? [] : left.map(({ version }) => version), [10, 11, 12]);
});

test.run();
