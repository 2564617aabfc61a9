// What else in the cluster is in the way: another mesh, and webhooks that nobody answers. Pure.

import { type KubernetesObject, managerLabel, partLabel, titleOf } from '../install/object.ts';
import type { CheckRow } from './row.ts';

/** Under which names a control plane of Istio, or this one, is installed. */
const namesTaken = [
  'Deployment istiod',
  'DaemonSet ztunnel',
  'DaemonSet istio-cni-node',
  'ValidatingWebhookConfiguration istio-validator-istio-system',
];
const waypointClass = 'istio-waypoint';
const ownController = 'istio.io/mesh-controller';

/** @param objects Deployments, DaemonSets, webhook configurations and GatewayClasses of the cluster
 * @param namespace where this mesh is to be */
export function checkInstallations(
  objects: readonly KubernetesObject[],
  namespace: string,
): CheckRow[] {
  const rows = objects.flatMap((object): CheckRow[] => {
    const message = conflictOf(object, namespace);
    if (message === undefined) return [];
    return [{ level: 'error', code: 'AMB1844', object: titleOf(object), message }];
  });
  if (rows.length > 0) return rows;
  return [{ level: 'ok', object: 'Other meshes', message: 'there is none' }];
}

function conflictOf(object: KubernetesObject, wanted: string): string | undefined {
  const { kind, metadata } = object;
  if (kind === 'GatewayClass' && metadata.name === waypointClass) {
    const { controllerName } = object['spec'] as { readonly controllerName?: string };
    return controllerName === ownController
      ? undefined
      : `the class belongs to "${controllerName}": waypoints would be made by that one`;
  }
  if (!namesTaken.includes(`${kind} ${metadata.name}`)) return undefined;
  if (!isOurs(object)) return 'it is of another mesh: two of them cannot serve the same pods';
  const { namespace } = metadata;
  return namespace === undefined || namespace === wanted
    ? undefined
    : `there is an installation in ${namespace} already, and a second would serve the same pods`;
}

function isOurs({ metadata }: KubernetesObject): boolean {
  return metadata.labels?.[partLabel.key] === partLabel.value;
}

/** Who brought this mesh to the cluster when it was not `ambit install`: `Helm` or `kubectl`.
 * @param objects the same */
export function otherInstaller(objects: readonly KubernetesObject[]): string | undefined {
  const own = objects.find(
    (one) => `${one.kind} ${one.metadata.name}` === 'Deployment istiod' && isOurs(one),
  );
  const manager = own?.metadata.labels?.[managerLabel.key];
  if (own === undefined || manager === managerLabel.value) return undefined;
  return manager ?? 'kubectl';
}

interface Webhook {
  readonly name: string;
  readonly failurePolicy?: string;
  readonly rules?: readonly { readonly apiGroups?: readonly string[] }[];
  readonly clientConfig?: { readonly service?: ServiceName };
}

interface ServiceName {
  readonly name: string;
  readonly namespace: string;
}

/** Webhooks that would refuse what is installed because nobody answers for them.
 * @param configurations of both kinds @param slices all EndpointSlices */
export function checkWebhooks(
  configurations: readonly KubernetesObject[],
  slices: readonly KubernetesObject[],
): CheckRow[] {
  return configurations
    .filter((one) => !isOurs(one))
    .flatMap((configuration) => {
      const { webhooks = [] } = configuration as { readonly webhooks?: readonly Webhook[] };
      return webhooks.flatMap((webhook): CheckRow[] => {
        const { service } = webhook.clientConfig ?? {};
        if (webhook.failurePolicy === 'Ignore' || service === undefined) return [];
        if (!concernsUs(webhook) || hasEndpoint(service, slices)) return [];
        const message = `webhook ${webhook.name} refuses what it is asked about, since its service ${service.namespace}/${service.name} has no endpoint`;
        return [{ level: 'warning', code: 'AMB1848', object: titleOf(configuration), message }];
      });
    });
}

/** The groups of what is installed. */
const ownGroups = [
  '',
  'apps',
  'rbac.authorization.k8s.io',
  'apiextensions.k8s.io',
  'policy',
  'networking.k8s.io',
  'gateway.networking.k8s.io',
  '*',
];

function concernsUs({ rules = [] }: Webhook): boolean {
  return rules.some(({ apiGroups = [] }) => apiGroups.some((group) => ownGroups.includes(group)));
}

function hasEndpoint(service: ServiceName, slices: readonly KubernetesObject[]): boolean {
  return slices.some((slice) => {
    const { namespace, labels } = slice.metadata;
    if (namespace !== service.namespace) return false;
    if (labels?.['kubernetes.io/service-name'] !== service.name) return false;
    const endpoints = (slice['endpoints'] ?? []) as readonly {
      readonly conditions?: { readonly ready?: boolean };
    }[];
    return endpoints.some(({ conditions }) => conditions?.ready !== false);
  });
}
