// What the cluster itself tells: conditions, webhooks and definitions of the Gateway API.

import type { ServiceObject } from '../../../controller/kinds/core.ts';
import { kindPlaces } from '../../../controller/kinds/kinds.ts';
import type { Condition, KubernetesObject } from '../../../controller/kinds/object.ts';
import { type Message, message } from '../message.ts';
import { kindOf, type World } from '../world.ts';

interface StatusOfParents {
  readonly conditions?: readonly Condition[];
  readonly parents?: readonly { readonly conditions?: readonly Condition[] }[];
}

/** Said by the analyzers themselves, with field and code. */
const toldElsewhere = /^(ambit\.io\/|ZtunnelAccepted$|WaypointAccepted$)/;
/** Those that are good when they are false. */
const goodWhenFalse = new Set(['Conflicted', 'OverlappingTLSConfig', 'istio.io/WaypointMissing']);
const ofMesh =
  /^(networking|security|telemetry|extensions)\.istio\.io\/|^gateway\.networking|^\/Service$/;

/** IST0171: conditions that are false. */
export function conditions({ objects }: World): Message[] {
  return objects
    .filter((object) => ofMesh.test(kindOf(object)))
    .flatMap((object) => {
      const { conditions: own = [], parents = [] } = (object.status ?? {}) as StatusOfParents;
      const all = [...own, ...parents.flatMap((parent) => parent.conditions ?? [])];
      return all
        .filter(
          ({ status, type }) =>
            status === 'False' && !toldElsewhere.test(type) && !goodWhenFalse.has(type),
        )
        .map(({ type, reason, message: text }) =>
          message('IST0171', object, 'status.conditions', `${type} is False: ${reason}: ${text}`),
        );
    });
}

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig?: {
      readonly service?: {
        readonly namespace: string;
        readonly name: string;
        readonly port?: number;
      };
    };
  }[];
}

/** IST0139: webhooks of the mesh that lead to no service. */
export function webhooks(world: World): Message[] {
  const group = 'admissionregistration.k8s.io';
  const configurations = ['Validating', 'Mutating'].flatMap((kind) =>
    world.of<WebhookConfiguration>(`${group}/${kind}WebhookConfiguration`),
  );
  return configurations.flatMap((object) =>
    (object.webhooks ?? []).flatMap(({ name, clientConfig }, index) => {
      const service = clientConfig?.service;
      if (!name.endsWith('istio.io') || service === undefined) return [];
      const { namespace, name: called, port = 443 } = service;
      const found = world
        .of<ServiceObject>('/Service')
        .find(({ metadata }) => metadata.namespace === namespace && metadata.name === called);
      const field = `webhooks[${index}].clientConfig.service`;
      if (found === undefined) {
        return [message('IST0139', object, field, `service not found: ${namespace}/${called}`)];
      }
      if ((found.spec?.ports ?? []).some((one) => one.port === port)) return [];
      return [
        message('IST0139', object, `${field}.port`, `${namespace}/${called} has no port ${port}`),
      ];
    }),
  );
}

interface Definition extends KubernetesObject {
  readonly spec?: {
    readonly group?: string;
    readonly names?: { readonly kind?: string };
    readonly versions?: readonly { readonly name: string; readonly served?: boolean }[];
  };
}

const bundleAnnotation = 'gateway.networking.k8s.io/bundle-version';
/** Before these, kinds that are read here did not exist; before the second, some will not be read for long. */
const oldest: Version = [1, 1];
const recommended: Version = [1, 4];

type Version = readonly [number, number];

/** IST0156, IST0172 and IST0176: definitions of the Gateway API that are too old. */
export function gatewayApi(world: World): Message[] {
  const group = 'gateway.networking.k8s.io';
  return world
    .of<Definition>('apiextensions.k8s.io/CustomResourceDefinition')
    .filter(({ spec }) => spec?.group === group)
    .flatMap((object) => {
      const bundle = object.metadata.annotations?.[bundleAnnotation] ?? '';
      const [, major, minor] = /^v(\d+)\.(\d+)/.exec(bundle) ?? [];
      const version: Version = [Number(major), Number(minor)];
      const field = `metadata.annotations["${bundleAnnotation}"]`;
      const said = `${bundle} of the Gateway API`;
      // Definitions without the annotation are those of laptop mode.
      if (major !== undefined && isBefore(version, oldest)) {
        const text = `${said} is not supported; install v${recommended.join('.')} or newer`;
        return [message('IST0156', object, field, text)];
      }
      if (major !== undefined && isBefore(version, recommended)) {
        const text = `${said} will not be supported for long; install v${recommended.join('.')} or newer`;
        return [message('IST0172', object, field, text), ...unread(object)];
      }
      return unread(object);
    });
}

function isBefore(left: Version, right: Version): boolean {
  return left[0] < right[0] || (left[0] === right[0] && left[1] < right[1]);
}

/** Objects of a kind are read in one version. */
function unread(object: Definition): Message[] {
  const { kind = '' } = object.spec?.names ?? {};
  const place = Object.entries(kindPlaces).find(
    ([name, { group }]) => name === kind && group === 'gateway.networking.k8s.io',
  )?.[1];
  const served = (object.spec?.versions ?? []).filter((one) => one.served === true);
  if (place === undefined || served.some(({ name }) => name === place.version)) return [];
  const text = `version ${place.version} is not served, so every ${kind} is ignored; install newer definitions`;
  return [message('IST0176', object, 'spec.versions', text)];
}
