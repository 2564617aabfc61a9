// Looks at a cluster before the mesh is installed on it.

import type { Platform } from '../../mesh/platform.ts';
import type { Cluster } from '../cluster.ts';
import type { KubernetesObject } from '../install/object.ts';
import type { ObjectApi } from '../install/object-api.ts';
import { checkNetwork, checkNodes, checkPlatforms, platformsOf } from './check-nodes.ts';
import { checkInstallations, checkWebhooks } from './check-others.ts';
import {
  checkGatewayApi,
  checkPermissions,
  checkVersion,
  type NeededPermission,
} from './check-server.ts';
import type { CheckRow } from './row.ts';

/** What was found, and what installing needs to know of it. */
export interface ClusterCheck {
  readonly rows: readonly CheckRow[];
  readonly hasGatewayApi: boolean;
  /** Deployments, DaemonSets, webhook configurations and GatewayClasses. */
  readonly installations: readonly KubernetesObject[];
  /** Of the nodes. */
  readonly platforms: readonly Platform[];
}

const definitionKind = ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'] as const;
const installedKinds = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'DaemonSet'],
  ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
  ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
  ['gateway.networking.k8s.io/v1', 'GatewayClass'],
] as const;

/** Looks at everything. @param objects that are to be installed @param namespace where the mesh is to be */
export async function checkCluster(
  cluster: Cluster,
  api: ObjectApi,
  objects: readonly KubernetesObject[],
  namespace: string,
): Promise<ClusterCheck> {
  const { gitVersion = '' } = (await cluster.get('/version')) as { readonly gitVersion?: string };
  const permissions = await neededPermissions(api, objects);
  const denied = await deniedOf(cluster, permissions);
  const version = checkVersion(gitVersion);
  const allowed = checkPermissions(permissions, denied);
  const definitions = await api.list(...definitionKind);
  const lists = await Promise.all(
    installedKinds.map(async ([version, kind]) => await api.list(version, kind)),
  );
  const installations = lists.flat();
  const webhooks = installations.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
  const sets = installations.filter(({ kind }) => kind === 'DaemonSet');
  const configs = await api.list('v1', 'ConfigMap');
  const nodes = await api.list('v1', 'Node');
  const platforms = platformsOf(nodes);
  const rows = [
    version,
    ...allowed,
    ...checkGatewayApi(definitions),
    ...checkInstallations(installations, namespace),
    ...checkNodes(nodes),
    ...checkPlatforms(platforms),
    ...checkNetwork(
      sets,
      configs.filter(({ metadata }) => metadata.namespace === 'kube-system'),
    ),
    ...checkWebhooks(webhooks, await api.list('discovery.k8s.io/v1', 'EndpointSlice')),
  ];
  const hasGatewayApi = definitions.some(
    ({ metadata }) => metadata.name === 'gatewayclasses.gateway.networking.k8s.io',
  );
  return { rows, hasGatewayApi, installations, platforms };
}

const verbs = ['get', 'create', 'patch', 'delete'];

/** One for each verb on each kind and place. Kinds that are yet to be defined are left out: whoever may define
 * them is an administrator. */
async function neededPermissions(
  api: ObjectApi,
  objects: readonly KubernetesObject[],
): Promise<NeededPermission[]> {
  const found = new Map<string, NeededPermission>();
  for (const { apiVersion, kind, metadata } of objects) {
    const collection = await api.collection(apiVersion, kind);
    if (collection === undefined) continue;
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
    const resource = collection.slice(collection.lastIndexOf('/') + 1);
    const { namespace } = metadata;
    for (const verb of verbs) {
      found.set([verb, group, resource, namespace].join(), {
        verb,
        group,
        resource,
        ...(namespace !== undefined && { namespace }),
      });
    }
  }
  return [...found.values()];
}

async function deniedOf(cluster: Cluster, permissions: readonly NeededPermission[]) {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answers = permissions.map(async (permission) => {
    const { status } = (await cluster.send('POST', path, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: permission },
    })) as { readonly status: { readonly allowed: boolean; readonly reason?: string } };
    return status.allowed ? [] : [{ permission, reason: status.reason ?? '' }];
  });
  return (await Promise.all(answers)).flat();
}
