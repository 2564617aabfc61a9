// Annotations that look like Istio's: known, in their place, and with a value that is read (features section
// 0.6).

import type { KubernetesObject } from '../../../controller/kinds/object.ts';
import { type Message, message } from '../message.ts';
import type { World } from '../world.ts';

interface KnownAnnotation {
  /** Kinds that it is read on; all when absent. */
  readonly kinds?: readonly string[];
  readonly state?: 'alpha' | 'deprecated';
  readonly value?: RegExp;
}

const flag = /^(true|false)$/;
const pods = ['Pod', 'Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'Job', 'CronJob'];
const gateways = ['Gateway', 'GatewayClass'];

const known: ReadonlyMap<string, KnownAnnotation> = new Map<string, KnownAnnotation>([
  [
    'ambient.istio.io/redirection',
    { kinds: ['Pod', 'WorkloadEntry'], value: /^(enabled|disabled|pending)$/ },
  ],
  ['ambient.istio.io/bypass-inbound-capture', { kinds: pods, value: flag, state: 'alpha' }],
  ['ambient.istio.io/dns-capture', { kinds: pods, value: flag, state: 'alpha' }],
  [
    'ambient.istio.io/waypoint-inbound-binding',
    { kinds: gateways, value: /^(NONE|PROXY(\/\d+)?)$/, state: 'alpha' },
  ],
  [
    'ambient.istio.io/xfcc-include-client-identity',
    { kinds: gateways, value: flag, state: 'alpha' },
  ],
  ['istio.io/reroute-virtual-interfaces', { kinds: pods, state: 'alpha' }],
  ['istio.io/connect-strategy', { kinds: ['ServiceEntry'], state: 'alpha' }],
  [
    'istio.io/use-waypoint-canary-weight',
    {
      kinds: ['Service', 'ServiceEntry', 'Namespace'],
      value: /^(\d|[1-9]\d|100)$/,
      state: 'alpha',
    },
  ],
  ['istio.io/dry-run', { kinds: ['AuthorizationPolicy'], value: flag, state: 'alpha' }],
  [
    'networking.istio.io/traffic-distribution',
    {
      kinds: ['Service', 'ServiceEntry', 'Namespace'],
      value: /^prefer(samezone|close|samenode)$/i,
    },
  ],
  ['networking.istio.io/exportTo', { kinds: ['Service'] }],
  [
    'networking.istio.io/service-type',
    { kinds: gateways, value: /^(ClusterIP|NodePort|LoadBalancer)$/ },
  ],
  ['networking.istio.io/address-type', { kinds: gateways, value: /^(IPAddress|Hostname)$/ }],
  ['gateway.istio.io/service-account', { kinds: gateways }],
  ['gateway.istio.io/name-override', { kinds: gateways }],
  ['gateway.istio.io/controller-version', { kinds: gateways }],
  ['galley.istio.io/analyze-suppress', {}],
  ['istio.io/rev', {}],
  ['sidecar.istio.io/inject', { kinds: pods, state: 'deprecated' }],
]);

/** Of sidecars and of others' tools, which nothing here reads and nobody gets wrong here. */
const foreign =
  /^(sidecar|traffic\.sidecar|proxy|prometheus|status\.sidecar|inject|topology|install\.operator|kubernetes|internal)\.istio\.io\//;
const looksOurs = /(^|\.)istio\.io\//;

/** IST0107, IST0108, IST0125, IST0135 and IST0136. */
export function annotations({ objects }: World): Message[] {
  return objects.flatMap((object) =>
    Object.entries(object.metadata.annotations ?? {}).flatMap(([name, value]) =>
      problemsOf(object, name, value),
    ),
  );
}

function problemsOf(object: KubernetesObject, name: string, value: string): Message[] {
  const field = `metadata.annotations["${name}"]`;
  const entry = known.get(name);
  if (entry === undefined) {
    if (!looksOurs.test(name) || foreign.test(name)) return [];
    return [message('IST0108', object, field, `unknown annotation: ${name}`)];
  }
  if (entry.kinds?.includes(object.kind) === false) {
    const text = `${name} is read on ${entry.kinds.join(', ')} only`;
    return [message('IST0107', object, field, text)];
  }
  if (entry.value?.test(value) === false) {
    const text = `"${value}" is no value of ${name}, which must match ${entry.value.source}`;
    return [message('IST0125', object, field, text)];
  }
  if (entry.state === 'deprecated') {
    return [message('IST0135', object, field, `${name} is deprecated, and a label instead`)];
  }
  // What the mesh wrote itself is nobody's choice.
  if (entry.state !== 'alpha' || object.kind === 'Pod') return [];
  return [message('IST0136', object, field, `${name} is alpha and may change`)];
}
