// Where laptop mode deviates from the manifests that a cluster gets, and why. Pure.

import type { ApiObject } from './api/store.ts';

/** As long as a timer can wait, near 25 days; seconds. */
const unlimitedSeconds = Math.floor((2 ** 31 - 1) / 1000);

interface NodeSet extends ApiObject {
  readonly spec: { readonly template: { readonly spec: NodeSetPod } };
}

interface NodeSetPod {
  readonly containers: readonly { readonly env?: readonly Variable[] }[];
}

interface Variable {
  readonly name: string;
  readonly value?: string;
}

/** As good as no deadline, and in words that a stock ztunnel reads too: it does not know `none`. Near the
 * longest that a timer can wait. */
const longest = '596h';

/** The form in which an object of the mesh is applied here. */
export function laptopForm(object: ApiObject): ApiObject {
  switch (`${object.kind} ${object.metadata.name}`) {
    case 'Deployment istiod':
      // All local nodes are one machine, so that another replica would end with the first.
      return { ...object, spec: { ...(object.spec as object), replicas: 1 } };
    case 'DaemonSet ztunnel':
      // A replaced node proxy goes on with its connections until they end by themselves: on one's own
      // machine nothing waits for it to be gone. A cluster needs a limit, because nodes are drained and
      // updates have to come to their end.
      return withPod(object as NodeSet, (pod) => ({
        ...withVariable(pod, 'CONNECTION_TERMINATION_DEADLINE', longest),
        terminationGracePeriodSeconds: unlimitedSeconds,
      }));
    case 'DaemonSet istio-cni-node':
      // A local node comes with its chain of plugins complete: the machine has Node, so the plugin needs
      // no executable, and nobody else writes the configuration.
      return withPod(object as NodeSet, (pod) => withVariable(pod, 'CNI_INSTALL', 'false'));
    default:
      return object;
  }
}

function withPod(set: NodeSet, change: (pod: NodeSetPod) => NodeSetPod): ApiObject {
  const { template } = set.spec;
  return {
    ...set,
    spec: { ...set.spec, template: { ...template, spec: change(template.spec) } },
  };
}

function withVariable(pod: NodeSetPod, name: string, value: string): NodeSetPod {
  const containers = pod.containers.map((container) => {
    const others = (container.env ?? []).filter((one) => one.name !== name);
    return { ...container, env: [...others, { name, value }] };
  });
  return { ...pod, containers };
}
