import * as assert from 'uvu/assert';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { nodeAddresses } from '../../../src/standalone/network/address-plan.ts';
import { planServices } from '../../../src/standalone/network/services/plan-services.ts';
import {
  serviceOfSlice,
  viewEndpoints,
  viewService,
} from '../../../src/standalone/network/services/service-view.ts';
import { suite } from '../../support/suite.ts';
import { serviceObject, sliceObject, type TestEndpoint } from '../service-objects.ts';

const test = suite('planning services');

const http = { name: 'http', port: 80, protocol: 'TCP' };
const node = { name: 'node1', addresses: nodeAddresses(1).node };

/** `ADDRESS:PORT -> ENDPOINT:PORT,...` for each rule. */
function plan(objects: readonly ApiObject[]): string[] {
  const views = objects.filter(({ kind }) => kind === 'Service').map(viewService);
  const rules = planServices(
    {
      all: () => views,
      byKey: (key) => views.find((view) => view.key === key),
      endpointsOf: (key) =>
        objects.filter((one) => serviceOfSlice(one) === key).flatMap(viewEndpoints),
    },
    node,
  );
  return rules.map(({ address, port, endpoints }) => {
    const targets = endpoints.map((one) => `${one.address}:${one.port}`).join(',');
    return `${port.protocol} ${address}:${port.port} -> ${targets}`;
  });
}

function web(endpoints: readonly TestEndpoint[], spec: object = {}): ApiObject[] {
  return [
    serviceObject('web', { clusterIPs: ['10.96.1.1'], ports: [http], ...spec }),
    sliceObject('web', endpoints, [{ ...http, port: 8080 }]),
  ];
}

test('leads to ready endpoints, each once, at their own ports', () => {
  const objects = web([
    { address: '10.244.1.2' },
    { address: '10.244.1.2' },
    { address: '10.244.2.3' },
    { address: '10.244.2.4', ready: false },
  ]);
  assert.equal(plan(objects), ['tcp 10.96.1.1:80 -> 10.244.1.2:8080,10.244.2.3:8080']);
});

test('keeps to the family of the address', () => {
  const objects = [
    ...web([{ address: '10.244.1.2' }], { clusterIPs: ['10.96.1.1', 'fd00:10:96::101'] }),
    sliceObject('web', [{ address: 'fd00:10:244:1::2' }], [{ ...http, port: 8080 }]),
  ];
  assert.equal(plan(objects), [
    'tcp 10.96.1.1:80 -> 10.244.1.2:8080',
    'tcp fd00:10:96::101:80 -> fd00:10:244:1::2:8080',
  ]);
});

test('ports are joined by name and protocol', () => {
  const ports = [
    http,
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'gone', port: 9, protocol: 'TCP' },
  ];
  const objects = [
    serviceObject('web', { clusterIPs: ['10.96.1.1'], ports }),
    sliceObject(
      'web',
      [{ address: '10.244.1.2' }],
      [
        { name: 'dns', port: 5353, protocol: 'UDP' },
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: 'gone', port: 99, protocol: 'UDP' },
      ],
    ),
  ];
  assert.equal(plan(objects), [
    'tcp 10.96.1.1:80 -> 10.244.1.2:8080',
    'udp 10.96.1.1:53 -> 10.244.1.2:5353',
  ]);
});

test('while nothing is ready, ending endpoints that still serve are used', () => {
  const ending = { ready: false, serving: true, terminating: true };
  const objects = web([
    { address: '10.244.1.2', ...ending },
    { address: '10.244.1.3', ready: false },
  ]);
  assert.equal(plan(objects), ['tcp 10.96.1.1:80 -> 10.244.1.2:8080']);
});

test('internalTrafficPolicy Local never leaves the node, PreferSameNode only when it must', () => {
  const here = { address: '10.244.1.2', nodeName: 'node1' };
  const there = { address: '10.244.2.3', nodeName: 'node2' };
  const local = { internalTrafficPolicy: 'Local' };
  const prefer = { trafficDistribution: 'PreferSameNode' };
  const toHere = ['tcp 10.96.1.1:80 -> 10.244.1.2:8080'];
  assert.equal(plan(web([here, there], local)), toHere);
  assert.equal(plan(web([there], local)), []);
  assert.equal(plan(web([here, there], prefer)), toHere);
  assert.equal(plan(web([there], prefer)), ['tcp 10.96.1.1:80 -> 10.244.2.3:8080']);
});

test('headless services, external names and the name server itself have no rules', () => {
  const objects = [
    serviceObject('headless', { clusterIP: 'None', clusterIPs: ['None'], ports: [http] }),
    serviceObject('abroad', { type: 'ExternalName', externalName: 'example.org' }),
    serviceObject('dns', { clusterIPs: ['10.96.0.10', 'fd00:10:96::a'], ports: [http] }),
    ...['headless', 'dns'].map((name) => sliceObject(name, [{ address: '10.244.1.2' }], [http])),
  ];
  assert.equal(plan(objects), []);
});

test('an address that is none gets into no rule', () => {
  assert.equal(plan(web([{ address: '10.244.1.2; flush ruleset' }])), []);
  assert.equal(plan(web([{ address: '10.244.1.2' }], { clusterIPs: ['1.2.3.4 } {'] })), []);
});

test.run();
