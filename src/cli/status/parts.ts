// The mesh's own parts: controller, node agents, node proxies, waypoints. Pure.

import { textOf } from '../ztunnel/dump.ts';
import {
  type ClusterFacts,
  conditionsOf,
  holds,
  keyOf,
  labelOf,
  type StatusObject,
} from './objects.ts';
import { isLeaving, isReadyPod, podTrouble } from './pod-trouble.ts';
import { rowOf, type StatusRow, type Trouble } from './row.ts';

/** The name of the Lease of the controllers, of each revision one. */
const leaseName = 'ambit-leader';
const waypointClass = 'istio-waypoint';

/** The rows of everything that the mesh itself runs. */
export function partRows(facts: ClusterFacts): readonly StatusRow[] {
  return [
    controllerRow(facts),
    leaderRow(facts),
    nodeRow(facts, 'node agents', 'istio-cni-node'),
    nodeRow(facts, 'node proxies', 'ztunnel'),
    ...waypointRows(facts),
  ];
}

function controllerRow(facts: ClusterFacts): StatusRow {
  const part = 'controller';
  const mine = facts.deployments.filter((one) => labelOf(one, 'app') === 'istiod');
  if (mine.length === 0) {
    const why = `namespace ${facts.namespace} has no Deployment with the label app=istiod`;
    return rowOf(part, '0/0', '', [{ why, remedy: noMesh }]);
  }
  const wanted = sum(mine, ({ spec }) => numberOf(spec?.['replicas'], 1));
  const pods = podsOf(facts, 'istiod');
  const ready = pods.filter(isReadyPod).length;
  const troubles = troublesOf(pods, ready, wanted, { kind: 'deployment', objects: mine });
  return rowOf(part, `${ready}/${wanted}`, imagesOf(mine), troubles);
}

const noMesh = 'ambit install, or --istioNamespace NS where the mesh is elsewhere';

/** Troubles of pods, or of their owner when it has made too few. */
function troublesOf(
  pods: readonly StatusObject[],
  ready: number,
  wanted: number,
  owners: { readonly kind: string; readonly objects: readonly StatusObject[] },
): readonly Trouble[] {
  if (ready >= wanted) return [];
  const troubles = pods.filter((pod) => !isReadyPod(pod) && !isLeaving(pod)).map(podTrouble);
  if (troubles.length > 0) return troubles;
  return owners.objects.map((owner) => {
    const failure = conditionsOf(owner).find(({ type }) => type === 'ReplicaFailure');
    return {
      why: failure?.message ?? `${keyOf(owner)} has made ${pods.length} of ${wanted} pods so far`,
      remedy: `kubectl describe -n ${owner.metadata.namespace} ${owners.kind} ${owner.metadata.name}`,
    };
  });
}

/** Who writes to the API: statuses and waypoints stand still without. */
function leaderRow(facts: ClusterFacts): StatusRow {
  const part = 'leader';
  const leases = facts.leases.filter(({ metadata }) => metadata.name.startsWith(leaseName));
  const remedy = `kubectl logs -n ${facts.namespace} -l app=istiod | grep -i lease`;
  if (leases.length === 0) {
    return rowOf(part, '0/1', '', [{ why: 'no replica has ever led: there is no Lease', remedy }]);
  }
  const troubles = leases.flatMap(({ metadata, spec = {} }) => {
    const holder = textOf(spec, 'holderIdentity');
    if (holder === '') return [{ why: `Lease ${metadata.name} belongs to nobody`, remedy }];
    const until =
      Date.parse(textOf(spec, 'renewTime')) + numberOf(spec['leaseDurationSeconds'], 0) * 1000;
    if (until >= facts.nowMs) return [];
    return [{ why: `Lease ${metadata.name} of ${holder} has run out`, remedy }];
  });
  const holders = leases.map(({ spec = {} }) => textOf(spec, 'holderIdentity')).filter(Boolean);
  return rowOf(
    part,
    `${leases.length - troubles.length}/${leases.length}`,
    holders.join(', '),
    troubles,
  );
}

/** A DaemonSet of the mesh, judged node by node. */
function nodeRow(facts: ClusterFacts, part: string, app: string): StatusRow {
  const sets = facts.daemonSets.filter((one) => labelOf(one, 'app') === app);
  if (sets.length === 0) {
    const why = `namespace ${facts.namespace} has no DaemonSet with the label app=${app}`;
    return rowOf(part, '0/0', '', [{ why, remedy: noMesh }]);
  }
  const wanted = sum(sets, ({ status }) =>
    numberOf(status?.['desiredNumberScheduled'], facts.nodes.length),
  );
  const pods = podsOf(facts, app);
  const nodes = new Set(pods.filter(isReadyPod).map(({ spec }) => spec?.['nodeName']));
  const unserved = pods.filter(({ spec }) => !nodes.has(spec?.['nodeName']));
  const troubles = troublesOf(unserved, nodes.size, wanted, { kind: 'daemonset', objects: sets });
  return rowOf(part, `${nodes.size}/${wanted}`, imagesOf(sets), troubles);
}

function waypointRows({ configuration }: ClusterFacts): readonly StatusRow[] {
  const gateways = (configuration.get('Gateway') ?? []).filter(
    ({ spec }) => spec?.['gatewayClassName'] === waypointClass,
  );
  return gateways.map((gateway) => {
    const { name, namespace } = gateway.metadata;
    const isProgrammed = holds(gateway, 'Programmed');
    const wrong = conditionsOf(gateway).find(
      ({ type, status }) => status === 'False' && (type === 'Accepted' || type === 'Programmed'),
    );
    const why = wrong?.message ?? wrong?.reason ?? 'no controller has said anything of it yet';
    const remedy = `ambit waypoint status -n ${namespace} ${name}; kubectl get pods -n ${namespace} -l gateway.networking.k8s.io/gateway-name=${name}`;
    const troubles = isProgrammed ? [] : [{ why, remedy }];
    return rowOf(`waypoint ${keyOf(gateway)}`, isProgrammed ? '1/1' : '0/1', '', troubles);
  });
}

function podsOf({ pods, namespace }: ClusterFacts, app: string): readonly StatusObject[] {
  return pods.filter((pod) => pod.metadata.namespace === namespace && labelOf(pod, 'app') === app);
}

/** The images of the containers of Deployments or DaemonSets. */
function imagesOf(owners: readonly StatusObject[]): string {
  const images = owners.flatMap(({ spec }) => {
    const template = spec?.['template'] as
      | { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } }
      | undefined;
    return (template?.spec?.containers ?? []).flatMap(({ image }) => image ?? []);
  });
  return [...new Set(images)].join(', ');
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function sum(objects: readonly StatusObject[], of: (object: StatusObject) => number): number {
  return objects.reduce((total, object) => total + of(object), 0);
}
