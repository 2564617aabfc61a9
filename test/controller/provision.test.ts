import { reportGateways } from '../../src/controller/gateway-status.ts';
import { provisionChanges } from '../../src/controller/provision.ts';
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

for (const { title, check } of goldenPairs('provision', (tables) => ({
  changes: provisionChanges(tables, options),
  report: reportGateways(tables, mesh, Date.UTC(2026, 0, 1)),
}))) {
  test(title, check);
}

test.run();
