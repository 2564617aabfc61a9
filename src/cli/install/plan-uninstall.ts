// In which order the mesh leaves a cluster, and what stays. Pure.

import { type KubernetesObject, titleOf } from './object.ts';

/** What the cluster has of the mesh. */
export interface UninstallFacts {
  /** Everything labelled as part of the mesh. */
  readonly own: readonly KubernetesObject[];
  /** Gateways whose class is a waypoint's. */
  readonly gateways: readonly KubernetesObject[];
  /** What the controller made for them. */
  readonly waypoints: readonly KubernetesObject[];
  /** What the controller wrote beside: roots in every namespace, its Lease, its key, saved versions. */
  readonly written: readonly KubernetesObject[];
  /** What else is in the mesh's namespace. */
  readonly foreign: readonly KubernetesObject[];
}

/** A step: its objects go together, and are gone before the next begins. */
export interface UninstallStep {
  readonly name: string;
  readonly objects: readonly KubernetesObject[];
}

/** What is done, and what is not. */
export interface UninstallPlan {
  readonly steps: readonly UninstallStep[];
  /** What stays, and why. */
  readonly kept: readonly { readonly object: KubernetesObject; readonly why: string }[];
}

/** Plans. @param purge whether custom resources, waypoints and the namespace go too */
export function planUninstall(facts: UninstallFacts, purge: boolean): UninstallPlan {
  const { own } = facts;
  const named = (wanted: string): KubernetesObject[] =>
    own.filter((one) => `${one.kind} ${one.metadata.name}` === wanted);
  const webhooks = own.filter(({ kind }) => kind === 'ValidatingWebhookConfiguration');
  const definitions = own.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const namespaces = own.filter(({ kind }) => kind === 'Namespace');
  const agent = named('DaemonSet istio-cni-node');
  const proxies = named('DaemonSet ztunnel');
  const controller = named('Deployment istiod');
  const isSpecial = new Set([
    ...webhooks,
    ...definitions,
    ...namespaces,
    ...agent,
    ...proxies,
    ...controller,
  ]);
  const namespaceGoes = purge || facts.foreign.length === 0;
  const steps: UninstallStep[] = [
    // It would refuse what is written once nobody answers for it.
    { name: 'Admission', objects: webhooks },
    ...(purge ? [{ name: 'Waypoints', objects: facts.gateways }] : []),
    // Takes the pods of its node out of the mesh and the plugin off it as it ends, while there is still a proxy for
    // the connections that go on.
    { name: 'Node agents', objects: agent },
    { name: 'Node proxies', objects: proxies },
    { name: 'Control plane', objects: controller },
    { name: 'Waypoints that ran', objects: facts.waypoints },
    {
      name: 'Permissions and settings',
      objects: [...facts.written, ...own.filter((one) => !isSpecial.has(one))],
    },
    ...(purge ? [{ name: 'Definitions', objects: definitions }] : []),
    ...(namespaceGoes ? [{ name: 'Namespace', objects: namespaces }] : []),
  ];
  const kept = [
    ...(purge
      ? []
      : definitions.map((object) => ({ object, why: 'your objects would go with it' }))),
    ...(purge ? [] : facts.gateways.map((object) => ({ object, why: 'it is yours' }))),
    ...(namespaceGoes ? [] : namespaces.map((object) => ({ object, why: holds(facts.foreign) }))),
  ];
  return { steps: steps.filter(({ objects }) => objects.length > 0), kept };
}

function holds(foreign: readonly KubernetesObject[]): string {
  const shown = foreign.slice(0, 3).map(titleOf).join(', ');
  const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : '';
  return `it holds what is not of the mesh: ${shown}${more}`;
}
