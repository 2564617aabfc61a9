// A whole mesh with a machine that is no pod: it is an endpoint beside pods, is left out when it is not
// well, and endpoints are chosen by place. And a waypoint for traffic that is addressed to workloads.

import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { type LaptopMesh, upMesh, withoutWebhook } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { apply, ask, joinOutside, outside, pods, serve, waitForPods } from './outside-scene.ts';

const test = suite<{ readonly mesh: LaptopMesh }>('machines beside pods', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'svc-vm', { args: ['--nodes', '2'] });
    await serve(stack, await joinOutside(stack, mesh), 9090, 'machine');
    await apply(mesh, objects);
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await waitForPods(mesh);
    return { mesh };
  },
});

const on = (node: string): string => `nodeName: ${node}`;

const objects = `${pods.waiting('client', on('node1'))}${pods.answering('near', 'shop', on('node1'))}${pods.answering('far', 'shop', on('node2'))}
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, labels: { app: mixed } }
spec: { address: ${outside.ipv4}, ports: { http: 9090 }, serviceAccount: machine }
---${pods.answering('beside', 'mixed', on('node2'))}
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mixed }
spec:
  hosts: [mixed.internal]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  location: MESH_INTERNAL
  resolution: STATIC
  workloadSelector: { labels: { app: mixed } }
---
apiVersion: v1
kind: Service
metadata: { name: anywhere }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: nearby }
spec:
  selector: { app: shop }
  trafficDistribution: PreferSameNode
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: only-here }
spec:
  selector: { app: mixed }
  internalTrafficPolicy: Local
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: pods, labels: { istio.io/waypoint-for: workload } }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
`;

/** Who answers, of many requests. */
async function whoAnswers(mesh: LaptopMesh, host: string): Promise<string[]> {
  const urls = Array.from({ length: 16 }, () => `http://${host}/`);
  return [...new Set(await ask(mesh, 'client', urls))].toSorted();
}

async function untilOnly(mesh: LaptopMesh, host: string, expected: readonly string[]) {
  let last: readonly string[] = [];
  try {
    await until('the expected ones to answer', async () => {
      last = await whoAnswers(mesh, host);
      return last.join() === expected.join() || undefined;
    });
  } catch (error) {
    throw new Error(`answered by ${last.join()}`, { cause: error });
  }
}

test('a machine is an endpoint beside a pod, at its own port, until it is not well', async ({
  mesh,
}) => {
  const machine = `machine at ${outside.ipv4} 9090`;
  await untilOnly(mesh, 'mixed.internal', ['beside', machine]);
  const condition = { type: 'Healthy', status: 'False', reason: 'Probe', message: 'no answer' };
  const patch = JSON.stringify({ status: { conditions: [condition] } });
  const merge = ['--type=merge', '--subresource=status', '-p', patch];
  await mesh.kubectl('patch', 'workloadentry', 'vm', ...merge);
  await untilOnly(mesh, 'mixed.internal', ['beside']);
});

test('endpoints are chosen by place where the service says so', async ({ mesh }) => {
  await untilOnly(mesh, 'anywhere', ['far', 'near']);
  await untilOnly(mesh, 'nearby', ['near']);
  await untilOnly(mesh, 'only-here', ['ECONNRESET']);
  await mesh.kubectl('delete', 'pod', 'near', '--wait=true');
  await untilOnly(mesh, 'nearby', ['far']);
});

test('a waypoint for workloads takes what is addressed to a pod, with its policies', async ({
  mesh,
}) => {
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/pods', '--timeout=30s');
  await mesh.kubectl('label', 'pod', 'far', 'istio.io/use-waypoint=pods');
  const address = await mesh.kubectl('get', 'pod', 'far', '-o', 'jsonpath={.status.podIP}');
  const urls = [`http://${address}:8080/open`, `http://${address}:8080/closed`];
  await until('requests to go through the waypoint', async () => {
    const [open] = await ask(mesh, 'client', urls.slice(0, 1));
    const { stdout } = await mesh.ambit('why', 'client', 'far');
    return (open === 'far' && /waypoint\/default\/pods: GET/.test(stdout)) || undefined;
  });
  await apply(
    mesh,
    `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: not-closed }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: pods }]
  action: DENY
  rules: [{ to: [{ operation: { paths: [/closed] } }] }]
`,
  );
  await until('the policy to be in force', async () => {
    const got = await ask(mesh, 'client', urls);
    return (got[0] === 'far' && got[1]?.includes('RBAC: access denied')) || undefined;
  });
});

test('what is not valid and got in is told to its author and changes nothing', async ({ mesh }) => {
  await withoutWebhook(mesh);
  const bad = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mixed }
spec:
  hosts: ["*"]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  workloadSelector: { labels: { app: mixed } }
`;
  await apply(mesh, bad);
  await until('the author to be told', async () => {
    const where = 'jsonpath={.status.conditions[?(@.type=="ambit.io/Accepted")].message}';
    const text = await mesh.kubectl('get', 'serviceentry', 'mixed', '-o', where);
    return /AMB1604 spec\.hosts\[0\].*stays in force/.test(text) || undefined;
  });
  assert.equal(await whoAnswers(mesh, 'mixed.internal'), ['beside']);
});

test.run();
