// The dump's fields and words, as a stock ztunnel gave them for the same resources and istioctl's tables
// read them (`istioctl ztunnel-config ... --file`).

import * as assert from 'uvu/assert';
import { policyDump, serviceDump, workloadDump } from '../../src/dataplane/config-dump.ts';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import type { Authorization, AuthorizationMatch } from '../../src/mesh/authorization.ts';
import { serviceKey } from '../../src/mesh/workload.ts';
import { publish, stateOf } from '../support/mesh-state.ts';
import { aMatch, aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('the dump of a configuration');

const namespace = 'it';
const near = 'near.it.svc.cluster.local';

test('a pod behind a service', () => {
  const ports = [{ servicePort: 80, targetPort: 9004 }];
  const pod = aWorkload('a1', {
    namespace,
    addresses: [ipAddress('10.244.1.3'), ipAddress('fd00:10:244:1::3')],
    services: new Map([[serviceKey(namespace, near), ports]]),
  });
  assert.equal(workloadDump(stateOf([pod], [])), [
    {
      canonicalName: 'a1',
      canonicalRevision: 'latest',
      capacity: 1,
      clusterId: 'Kubernetes',
      name: 'a1',
      namespace: 'it',
      networkMode: 'Standard',
      node: 'node1',
      protocol: 'HBONE',
      serviceAccount: 'a1',
      services: ['it/near.it.svc.cluster.local'],
      status: 'Healthy',
      trustDomain: 'cluster.local',
      uid: 'Kubernetes//Pod/it/a1',
      workloadIps: ['10.244.1.3', 'fd00:10:244:1::3'],
      workloadName: 'a1',
      workloadType: 'pod',
    },
  ]);
});

test('a workload outside the cluster, and a pod on its node’s own network', () => {
  const outside = aWorkload('we1', {
    uid: 'Kubernetes/networking.istio.io/WorkloadEntry/it/we1',
    namespace,
    addresses: [ipAddress('10.5.5.5')],
    tunnelProtocol: 'none',
    serviceAccount: 'a1',
    network: 'n2',
    canonicalName: 'we',
    canonicalRevision: 'v2',
    node: '',
    locality: { region: 'r1', zone: 'z1', subzone: 's1' },
    capacity: 3,
  });
  const own = aWorkload('node-exporter', { networkMode: 'host', tunnelProtocol: 'none' });
  const [host, entry] = workloadDump(stateOf([outside, own], []));
  assert.is((host as { networkMode: string }).networkMode, 'HostNetwork');
  assert.equal(entry, {
    workloadIps: ['10.5.5.5'],
    protocol: 'TCP',
    uid: 'Kubernetes/networking.istio.io/WorkloadEntry/it/we1',
    name: 'we1',
    namespace: 'it',
    networkMode: 'Standard',
    trustDomain: 'cluster.local',
    serviceAccount: 'a1',
    network: 'n2',
    workloadName: 'we1',
    workloadType: 'pod',
    canonicalName: 'we',
    canonicalRevision: 'v2',
    status: 'Healthy',
    clusterId: 'Kubernetes',
    locality: { region: 'r1', zone: 'z1', subzone: 's1' },
    capacity: 3,
  });
});

test('a service with a waypoint and preferences, its endpoints beside it', () => {
  const ports = [{ servicePort: 80, targetPort: 9004, appProtocol: 'unknown' }] as const;
  const pod = aWorkload('a1', {
    namespace,
    addresses: [ipAddress('10.244.1.3')],
    services: new Map([[serviceKey(namespace, near), ports]]),
  });
  const service = aService('near', {
    namespace,
    addresses: [
      { network: '', address: ipAddress('10.96.1.5') },
      { network: '', address: ipAddress('fd00:10:96::105') },
      { network: '', address: ipAddress('10.77.0.0'), length: 16 },
    ],
    ports,
    ipFamilies: 'dual',
    waypoint: {
      destination: { kind: 'hostname', namespace, hostname: 'wp.it.svc.cluster.local' },
      hbonePort: 15008,
    },
    loadBalancing: {
      mode: 'failover',
      healthPolicy: 'only-healthy',
      routingPreference: ['network', 'region', 'zone', 'subzone', 'node'],
    },
  });
  assert.equal(serviceDump(stateOf([pod], [service])), [
    {
      canonical: true,
      endpoints: {
        'Kubernetes//Pod/it/a1': {
          port: { 80: 9004 },
          status: 'Healthy',
          workloadUid: 'Kubernetes//Pod/it/a1',
        },
      },
      hostname: 'near.it.svc.cluster.local',
      ipFamilies: 'Dual',
      loadBalancer: {
        healthPolicy: 'OnlyHealthy',
        mode: 'Failover',
        routingPreferences: ['Network', 'Region', 'Zone', 'Subzone', 'Node'],
      },
      name: 'near',
      namespace: 'it',
      ports: { 80: 9004 },
      subjectAltNames: [],
      vips: ['/10.96.1.5', '/fd00:10:96::105'],
      cidrVips: [{ network: '', cidr: '10.77.0.0/16' }],
      visibility: 'Public',
      waypoint: { destination: 'it/wp.it.svc.cluster.local', hboneMtlsPort: 15008 },
    },
  ]);
});

test('a policy, rule by rule', () => {
  const clause = (changes: Partial<AuthorizationMatch>) => ({ matches: [aMatch(changes)] });
  const policy: Authorization = {
    name: 'deny-b',
    namespace,
    scope: 'workload',
    action: 'deny',
    dryRun: false,
    groups: [
      {
        clauses: [
          clause({
            notSourceIps: [{ address: ipAddress('10.0.0.0'), length: 8 }],
            principals: [{ kind: 'exact', value: 'cluster.local/ns/it/sa/b1' }],
          }),
          clause({ destinationPorts: [9004] }),
        ],
      },
      { clauses: [clause({ serviceAccounts: [{ namespace: 'it', serviceAccount: 'b1' }] })] },
      {
        clauses: [
          clause({
            namespaces: [
              { kind: 'prefix', value: 'x' },
              { kind: 'suffix', value: 'y' },
            ],
          }),
          clause({ notPrincipals: [{ kind: 'presence' }] }),
        ],
      },
    ],
  };
  const state = new MeshState();
  publish(state, { policies: [policy] });
  assert.equal(policyDump(state), [
    {
      action: 'Deny',
      dryRun: false,
      name: 'deny-b',
      namespace: 'it',
      rules: [
        [
          [
            {
              notSourceIps: ['10.0.0.0/8'],
              principals: [{ Exact: 'cluster.local/ns/it/sa/b1' }],
            },
          ],
          [{ destinationPorts: [9004] }],
        ],
        [[{ serviceAccounts: [{ namespace: 'it', serviceAccount: 'b1' }] }]],
        [
          [{ namespaces: [{ Prefix: 'x' }, { Suffix: 'y' }] }],
          [{ notPrincipals: [{ Presence: [] }] }],
        ],
      ],
      scope: 'WorkloadSelector',
    },
  ]);
});

test.run();
