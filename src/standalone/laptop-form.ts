// Where laptop mode deviates from the manifests that a cluster gets, and why. Pure.

import type { ApiObject } from './api/store.ts';

/** As long as a timer can wait, near 25 days; seconds. */
const unlimitedSeconds = Math.floor((2 ** 31 - 1) / 1000);

interface NodeProxySet extends ApiObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly env?: readonly { readonly name: string }[] }[];
      };
    };
  };
}

/** As good as no deadline, and in words that a stock ztunnel reads too: it does not know `none`. Near the
 * longest that a timer can wait. */
const longest = '596h';

/** The form in which an object of the mesh is applied here. A replaced node proxy goes on with its
 * connections until they end by themselves: on one's own machine nothing waits for it to be gone. A
 * cluster needs a limit, because nodes are drained and updates have to come to their end. */
export function laptopForm(object: ApiObject): ApiObject {
  if (object.kind !== 'DaemonSet' || object.metadata.name !== 'ztunnel') return object;
  const set = object as NodeProxySet;
  const { template } = set.spec;
  const containers = template.spec.containers.map((container) => ({
    ...container,
    env: [...(container.env ?? []), { name: 'CONNECTION_TERMINATION_DEADLINE', value: longest }],
  }));
  const spec = {
    ...template.spec,
    containers,
    terminationGracePeriodSeconds: unlimitedSeconds,
  };
  return { ...object, spec: { ...set.spec, template: { ...template, spec } } };
}
