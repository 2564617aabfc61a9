// What `ambit analyze` is to find: a small world that is well, and what makes it wrong.

/** A world that is well. */
export const shop = `
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http-web, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews}
spec: {template: {metadata: {labels: {app: reviews, version: v1}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
`;

const istio = (
  kind: string,
  spec: string,
  group = 'networking',
  version = 'v1',
  more = '',
): string =>
  `{apiVersion: ${group}.istio.io/${version}, kind: ${kind}, metadata: {name: x${more}}, spec: ${spec}}`;
const service = (ports: string, name = 'x', selector = 'app: reviews'): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {selector: {${selector}}, ports: [${ports}]}}`;
/** A VirtualService with these routes. */
export const routes = (http: string): string =>
  istio('VirtualService', `{hosts: [a.b], http: ${http}}`);
const to = 'route: [{destination: {host: reviews}}]';

/** Istio's code, what brings it about, and the field that is named. */
export const cases: readonly (readonly [string, string, string])[] = [
  [
    'IST0002',
    istio(
      'DestinationRule',
      '{host: reviews, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 1s}}}',
    ),
    'spec.trafficPolicy.loadBalancer.warmupDurationSecs',
  ],
  [
    'IST0101',
    routes('[{route: [{destination: {host: nosuch}}]}]'),
    'spec.http[0].route[0].destination.host',
  ],
  [
    'IST0101',
    routes('[{route: [{destination: {host: reviews, subset: v9}}]}]'),
    'spec.http[0].route[0].destination.subset',
  ],
  [
    'IST0101',
    routes('[{route: [{destination: {host: reviews, port: {number: 9}}}]}]'),
    'spec.http[0].route[0].destination.port.number',
  ],
  [
    'IST0101',
    istio('VirtualService', `{hosts: [a.b], gateways: [nosuch], http: [{${to}}]}`),
    'spec.gateways[0]',
  ],
  [
    'IST0101',
    istio('AuthorizationPolicy', '{targetRefs: [{kind: Service, name: nosuch}]}', 'security'),
    'spec.targetRefs[0]',
  ],
  [
    'IST0101',
    istio(
      'AuthorizationPolicy',
      '{action: CUSTOM, provider: {name: nosuch}, rules: [{}]}',
      'security',
    ),
    'spec.provider.name',
  ],
  [
    'IST0106',
    routes('[{match: [{uri: {regex: "(a"}}], route: [{destination: {host: reviews}}]}]'),
    'spec.http[0].match[0].uri.regex',
  ],
  [
    'IST0107',
    istio(
      'ServiceEntry',
      '{hosts: [a.b]}',
      'networking',
      'v1',
      ', annotations: {networking.istio.io/exportTo: "*"}',
    ),
    'metadata.annotations["networking.istio.io/exportTo"]',
  ],
  [
    'IST0108',
    istio(
      'ServiceEntry',
      '{hosts: [a.b]}',
      'networking',
      'v1',
      ', annotations: {networking.istio.io/nosuch: "*"}',
    ),
    'metadata.annotations["networking.istio.io/nosuch"]',
  ],
  ['IST0109', istio('VirtualService', `{hosts: [reviews], http: [{${to}}]}`), 'spec.hosts'],
  [
    'IST0112',
    `${service('{name: http-a, port: 1}, {name: http-b, port: 2}', 'two')}\n---\n${routes('[{route: [{destination: {host: two}}]}]')}`,
    'spec.http[0].route[0].destination.port.number',
  ],
  ['IST0116', service('{name: tcp-web, port: 80, targetPort: 9}'), 'spec.ports[0]'],
  ['IST0118', service('{name: web, port: 81, targetPort: 9}'), 'spec.ports[0].name'],
  [
    'IST0125',
    istio(
      'ServiceEntry',
      '{hosts: [a.b]}',
      'networking',
      'v1',
      ', annotations: {networking.istio.io/traffic-distribution: Near}',
    ),
    'metadata.annotations["networking.istio.io/traffic-distribution"]',
  ],
  [
    'IST0127',
    istio(
      'AuthorizationPolicy',
      '{selector: {matchLabels: {app: nosuch}}, rules: [{}]}',
      'security',
    ),
    'spec.selector.matchLabels',
  ],
  [
    'IST0128',
    istio('DestinationRule', '{host: reviews, trafficPolicy: {tls: {mode: SIMPLE}}}'),
    'spec.trafficPolicy.tls',
  ],
  [
    'IST0129',
    istio(
      'DestinationRule',
      '{host: reviews, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}',
    ),
    'spec.trafficPolicy.portLevelSettings[0].tls',
  ],
  ['IST0130', routes(`[{${to}}, {match: [{uri: {prefix: /a}}], ${to}}]`), 'spec.http[1]'],
  [
    'IST0130',
    routes(`[{match: [{uri: {prefix: /a}}], ${to}}, {match: [{uri: {prefix: /a}}], ${to}}]`),
    'spec.http[1]',
  ],
  [
    'IST0131',
    routes(
      `[{match: [{uri: {prefix: /a}}], ${to}}, {match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], ${to}}]`,
    ),
    'spec.http[1].match[0]',
  ],
  ['IST0133', istio('ServiceEntry', '{hosts: [a.b], resolution: STATIC}'), 'spec.endpoints'],
  [
    'IST0134',
    istio(
      'ServiceEntry',
      '{hosts: [a.b], resolution: DNS, ports: [{number: 1, name: tcp, protocol: TCP}]}',
      'networking',
      'v1',
      ', labels: {networking.istio.io/enable-autoallocate-ip: "false"}',
    ),
    'spec.ports[0]',
  ],
  [
    'IST0135',
    `{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, annotations: {sidecar.istio.io/inject: "true"}}}`,
    'metadata.annotations["sidecar.istio.io/inject"]',
  ],
  [
    'IST0136',
    istio(
      'AuthorizationPolicy',
      '{rules: [{}]}',
      'security',
      'v1',
      ', annotations: {istio.io/dry-run: "true"}',
    ),
    'metadata.annotations["istio.io/dry-run"]',
  ],
  ['IST0137', service('{name: http-web, port: 81, targetPort: 8080}'), 'spec.ports[0]'],
  [
    'IST0139',
    '{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: x}, webhooks: [{name: validation.istio.io, clientConfig: {service: {namespace: shop, name: nosuch}}}]}',
    'webhooks[0].clientConfig.service',
  ],
  [
    'IST0139',
    '{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: x}, webhooks: [{name: validation.istio.io, clientConfig: {service: {namespace: shop, name: reviews}}}]}',
    'webhooks[0].clientConfig.service.port',
  ],
  [
    'IST0157',
    istio('Telemetry', '{tracing: [{providers: [{name: nosuch}]}]}', 'telemetry'),
    'spec.tracing[0].providers[0]',
  ],
  [
    'IST0157',
    istio('Telemetry', '{accessLogging: [{}]}', 'telemetry'),
    'spec.accessLogging[0].providers',
  ],
  [
    'IST0159',
    `${istio('Telemetry', '{selector: {matchLabels: {app: reviews}}}', 'telemetry')}\n---\n{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: y}, spec: {selector: {matchLabels: {version: v1}}}}`,
    'spec.selector',
  ],
  [
    'IST0160',
    `${istio('Telemetry', '{}', 'telemetry')}\n---\n{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: y}, spec: {}}`,
    'spec.selector',
  ],
  [
    'IST0166',
    `{apiVersion: v1, kind: Pod, metadata: {name: w, labels: {gateway.networking.k8s.io/gateway-name: waypoint}}}\n---\n${istio('AuthorizationPolicy', '{selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, rules: [{}]}', 'security')}`,
    'spec.selector',
  ],
  [
    'IST0167',
    istio(
      'AuthorizationPolicy',
      '{selector: {matchLabels: {app: reviews}}, action: AUDIT, rules: [{}]}',
      'security',
    ),
    '',
  ],
  [
    'IST0171',
    `{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {ports: []}, status: {conditions: [{type: istio.io/WaypointBound, status: "False", reason: AttachmentDenied, message: no}]}}`,
    'status.conditions',
  ],
  [
    'IST0173',
    istio('DestinationRule', '{host: reviews, subsets: [{name: v9, labels: {version: v9}}]}'),
    'spec.subsets[0]',
  ],
  ['IST0174', istio('DestinationRule', '{host: nosuch}'), 'spec.host'],
  [
    'IST0177',
    `${istio('ServiceEntry', '{hosts: [a.b], ports: [{number: 80, name: a, protocol: HTTP}]}')}\n---\n{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: y}, spec: {hosts: [a.b], ports: [{number: 80, name: a, protocol: TCP}]}}`,
    'spec.ports[0].protocol',
  ],
];
