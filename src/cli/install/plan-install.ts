// In which order the objects of the mesh are applied, and which of an earlier version go. Pure.

import { isSame, type KubernetesObject, managerLabel, titleOf, versionLabel } from './object.ts';

/** Objects that are applied together, and what must be ready before the next stage. */
export interface Stage {
  /** As it is told to the user. */
  readonly name: string;
  readonly objects: readonly KubernetesObject[];
  /** Of these objects: established, available, or rolled out. */
  readonly awaited: readonly KubernetesObject[];
}

/** What is to be done. */
export interface InstallPlan {
  readonly stages: readonly Stage[];
  /** Objects that an earlier version brought and this one does not. */
  readonly prune: readonly KubernetesObject[];
  /** Objects that wait for definitions that the cluster lacks. */
  readonly left: readonly KubernetesObject[];
}

/** What the cluster has. */
export interface InstallFacts {
  /** Whether the Gateway API's definitions are there. */
  readonly hasGatewayApi: boolean;
  /** What an earlier `ambit install` applied. */
  readonly installed: readonly KubernetesObject[];
}

const awaitedKinds = ['CustomResourceDefinition', 'Deployment', 'DaemonSet'];

/** Nodes come after the controller, which new proxies and pods ask for certificates. Both parts of a node
 * come together: the proxy is ready once the agent has told it of the pods. */
const stageOf = ({ kind, metadata }: KubernetesObject): string => {
  if (kind === 'Namespace' || kind === 'CustomResourceDefinition') return 'Base';
  const isOfNode = /ztunnel|istio-cni|ambit-node/.test(
    `${metadata.name} ${metadata.labels?.['app']}`,
  );
  return isOfNode ? 'Nodes' : 'Control plane';
};
const stageNames = ['Base', 'Control plane', 'Nodes'];

/** Plans an installation or an upgrade. @param version of what is installed */
export function planInstall(
  objects: readonly KubernetesObject[],
  version: string,
  facts: InstallFacts,
): InstallPlan {
  const needsGatewayApi = ({ apiVersion }: KubernetesObject): boolean =>
    apiVersion.startsWith('gateway.networking.k8s.io/');
  const left = facts.hasGatewayApi ? [] : objects.filter(needsGatewayApi);
  const wanted = objects.filter((one) => !left.includes(one)).map((one) => labelled(one, version));
  const stages = stageNames.map((name) => {
    const own = wanted.filter((one) => stageOf(one) === name).toSorted(byStanding);
    const awaited = own.filter(({ kind }) => awaitedKinds.includes(kind));
    return { name, objects: own, awaited };
  });
  // Custom resources would go with their definitions, and they are the user's.
  const prune = facts.installed.filter(
    (one) =>
      one.kind !== 'CustomResourceDefinition' &&
      one.kind !== 'Namespace' &&
      !objects.some((other) => isSame(one, other)),
  );
  return { stages, prune, left };
}

function labelled(object: KubernetesObject, version: string): KubernetesObject {
  const labels = {
    ...object.metadata.labels,
    [managerLabel.key]: managerLabel.value,
    [versionLabel]: version,
  };
  return { ...object, metadata: { ...object.metadata, labels } };
}

/** What others refer to comes first; what starts processes last. */
const standing = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Service',
];

function byStanding(one: KubernetesObject, other: KubernetesObject): number {
  const rank = ({ kind }: KubernetesObject): number => {
    const found = standing.indexOf(kind);
    if (found !== -1) return found;
    return awaitedKinds.includes(kind) ? standing.length + 1 : standing.length;
  };
  return rank(one) - rank(other) || titleOf(one).localeCompare(titleOf(other));
}

/** What an installation would change, in words: how versions compare.
 * @returns a refusal, or undefined when the step can be made */
export function versionStep(installed: string | undefined, wanted: string): string | undefined {
  if (installed === undefined) return undefined;
  const [from, to] = [installed, wanted].map((one) => one.split(/[.+-]/).map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (to?.[part] ?? 0) - (from?.[part] ?? 0);
    if (Number.isNaN(difference) || difference > 0) return undefined;
    if (difference < 0) return `version ${installed} is installed, which is newer than ${wanted}`;
  }
  return undefined;
}
