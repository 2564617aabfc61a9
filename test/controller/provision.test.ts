import { reportGateways } from '../../src/controller/gateway-status.ts';
import { type ProvisionSources, provisionWaypoints } from '../../src/controller/provision.ts';
import { suite } from '../support/suite.ts';
import { goldenPairs } from './golden-pairs.ts';
import { mesh } from './tables.ts';

const test = suite('provisioning golden pairs');
const options = {
  mesh,
  waypointImage: 'ambit/waypoint',
  controllerAddress: 'istiod.istio-system.svc:15012',
  spansTo: '',
};

/** The ConfigMaps that Gateways of the goldens name. */
const parameters: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  own: {
    deployment:
      'spec: {template: {spec: {containers: [{name: waypoint, env: [{name: OWN, value: "1"}]}]}}}',
    service: 'metadata: {annotations: {example.com/note: hello}}\nspec: {type: LoadBalancer}',
    serviceAccount: 'automountServiceAccountToken: false',
    horizontalPodAutoscaler: 'spec: {minReplicas: 2, maxReplicas: 5}',
  },
  wrong: {
    deployments: 'spec: {}',
    deployment: 'spec: {template: [',
    service: 'spec: {selector: {app: other}}',
    podDisruptionBudget: '- not a map',
  },
};

const sources: ProvisionSources = {
  parameters: (namespace, name) => {
    const data = parameters[name];
    if (data === undefined) return undefined;
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
  },
  isSettled: () => true,
};

for (const { title, check } of goldenPairs('provision', (tables) => ({
  changes: provisionWaypoints(tables, options, sources).changes,
  report: reportGateways(
    tables,
    mesh,
    provisionWaypoints(tables, options, sources).problems,
    Date.UTC(2026, 0, 1),
  ),
}))) {
  test(title, check);
}

test.run();
