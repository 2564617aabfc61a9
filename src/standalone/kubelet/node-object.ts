// The Node object of a local node and its heartbeat Lease.

import os from 'node:os';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ApiObject, ObjectStore } from '../api/store.ts';
import { timestamp } from './container-state.ts';
import type { PodPlace } from './downward.ts';
import type { NodeFacts } from './node-context.ts';

export const heartbeatMs = 10_000;
const leaseSeconds = 40;
const maxPods = 250;
const leaseNamespace = 'kube-node-lease';

/** What a container without limits may use: the machine is shared by all local nodes. */
export function machineCapacity(): PodPlace['allocatable'] {
  return { cpu: os.availableParallelism(), memory: os.totalmem() };
}

/** The Node as registered. Labels and taints that others set are theirs: this is applied, not put. */
export function nodeObject(node: NodeFacts): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': os.arch() === 'x64' ? 'amd64' : os.arch(),
      },
    },
    spec: {
      ...(node.podRanges[0] === undefined ? {} : { podCIDR: node.podRanges[0] }),
      podCIDRs: node.podRanges,
    },
  };
}

/** The Node's status. */
export function nodeStatus(node: NodeFacts, ready: boolean, nowMs: number): object {
  const { cpu, memory } = machineCapacity();
  const resources = {
    cpu: String(cpu),
    memory: `${Math.floor(memory / 1024)}Ki`,
    pods: String(maxPods),
  };
  const condition = (type: string, holds: boolean, reason: string, message: string): object => ({
    type,
    status: holds ? 'True' : 'False',
    reason,
    message,
    lastHeartbeatTime: timestamp(nowMs),
    lastTransitionTime: timestamp(nowMs),
  });
  const readiness = ready
    ? condition('Ready', true, 'KubeletReady', 'kubelet is posting ready status')
    : condition('Ready', false, 'KubeletNotReady', 'the mesh is being ended');
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      ...node.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: node.name },
    ],
    conditions: [
      readiness,
      condition('MemoryPressure', false, 'NotMeasured', 'local nodes share the machine'),
      condition('DiskPressure', false, 'NotMeasured', 'local nodes share the machine'),
      condition('PIDPressure', false, 'NotMeasured', 'local nodes share the machine'),
    ],
    nodeInfo: {
      machineID: node.name,
      systemUUID: node.name,
      bootID: '',
      kernelVersion: os.release(),
      osImage: 'local node',
      containerRuntimeVersion: 'ambit://1',
      kubeletVersion: 'v1.33.0-ambit',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: os.arch() === 'x64' ? 'amd64' : os.arch(),
    },
  };
}

/** Registers a node and writes what becomes of its readiness. @throws what the store throws */
export function registerNode(
  store: ObjectStore,
  node: NodeFacts,
  ready: boolean,
  clock: Clock,
): ApiObject {
  store.apply(nodeObject(node), 'kubelet');
  const status = nodeStatus(node, ready, clock.now());
  return store.mergePatch('nodes', '', node.name, { status }, 'status');
}

/** Renews the node's Lease. A failure is logged; the next beat tries again. */
export function beat(store: ObjectStore, node: ApiObject, clock: Clock, log: Logger): void {
  const { name, uid = '' } = node.metadata;
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
  try {
    store.apply(
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name,
          namespace: leaseNamespace,
          ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
        },
        spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
      },
      'kubelet',
    );
  } catch (error) {
    log.warn({ node: name, error: causeChain(error) }, 'the heartbeat was not written');
  }
}
