// Policies: what they select, name and rely on.

import type { KubernetesObject } from '../../../controller/kinds/object.ts';
import type { AuthorizationPolicyObject } from '../../../controller/kinds/security.ts';
import type { SelectingSpec } from '../../../controller/kinds/unwatched.ts';
import { type Message, message } from '../message.ts';
import { providersOf } from '../providers.ts';
import type { World } from '../world.ts';

type Selecting = KubernetesObject<SelectingSpec>;

const selectingKinds = [
  'security.istio.io/AuthorizationPolicy',
  'security.istio.io/PeerAuthentication',
  'security.istio.io/RequestAuthentication',
  'telemetry.istio.io/Telemetry',
  'extensions.istio.io/WasmPlugin',
];

const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

function selecting(world: World): readonly Selecting[] {
  return selectingKinds.flatMap((kind) => world.of<Selecting>(kind));
}

function labelsOf({ spec }: Selecting): Readonly<Record<string, string>> {
  return spec?.selector?.matchLabels ?? {};
}

/** IST0127: selectors that no workload fulfils. */
export function selectors(world: World): Message[] {
  if (!world.knowsPods) return [];
  return selecting(world).flatMap((object) => {
    const labels = labelsOf(object);
    const { namespace = '' } = object.metadata;
    const place = namespace === world.mesh.rootNamespace ? undefined : namespace;
    if (Object.keys(labels).length === 0 || world.podsWith(labels, place).length > 0) return [];
    const shown = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    const text = `no pod has the labels ${shown.join(',')}`;
    return [message('IST0127', object, 'spec.selector.matchLabels', text)];
  });
}

/** IST0166: waypoints are not selected by labels. */
export function waypointSelectors(world: World): Message[] {
  return selecting(world).flatMap((object) => {
    const labels = labelsOf(object);
    const { namespace } = object.metadata;
    const isOfGateway =
      Object.keys(labels).length > 0 &&
      world
        .podsWith(labels, namespace)
        .some(({ metadata }) => metadata.labels?.[gatewayLabel] !== undefined);
    if (!isOfGateway) return [];
    const text = 'selects pods of a waypoint or gateway, which look at targetRefs only';
    return [message('IST0166', object, 'spec.selector', text)];
  });
}

const targetPlaces: Readonly<Record<string, string>> = {
  '/Service': '/Service',
  'networking.istio.io/ServiceEntry': 'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway': 'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass': 'gateway.networking.k8s.io/GatewayClass',
};

/** IST0101: targets that do not exist. */
export function targets(world: World): Message[] {
  return selecting(world).flatMap((object) => {
    const { targetRef, targetRefs = [] } = object.spec ?? {};
    const all = [...(targetRef === undefined ? [] : [targetRef]), ...targetRefs];
    return all.flatMap(({ group = '', kind, name }, index) => {
      const place = targetPlaces[`${group}/${kind}`];
      const isThere =
        place === undefined ||
        world
          .of(place)
          .some(
            ({ metadata }) =>
              metadata.name === name &&
              (metadata.namespace === undefined ||
                metadata.namespace === object.metadata.namespace),
          );
      if (isThere) return [];
      const text = `${kind} not found: "${name}"`;
      return [message('IST0101', object, `spec.targetRefs[${index}]`, text)];
    });
  });
}

/** IST0101: providers of CUSTOM that the mesh configuration does not have. */
export function customProviders(world: World): Message[] {
  const known = providersOf(world);
  return world
    .of<AuthorizationPolicyObject>('security.istio.io/AuthorizationPolicy')
    .flatMap((object) => {
      const { name = '' } = object.spec?.provider ?? {};
      if (name === '' || known.has(name.toLowerCase())) return [];
      const text = `provider not found: meshConfig.extensionProviders has no "${name}"`;
      return [message('IST0101', object, 'spec.provider.name', text)];
    });
}
