// What holds of the plans for whatever is given: nothing is forgotten, nothing is done twice, no order matters.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { deployFolder } from '../../../src/cli/install/deploy-folder.ts';
import { type KubernetesObject, titleOf } from '../../../src/cli/install/object.ts';
import { planInstall } from '../../../src/cli/install/plan-install.ts';
import { planUninstall, type UninstallFacts } from '../../../src/cli/install/plan-uninstall.ts';
import { readDeploy } from '../../../src/cli/install/read-deploy.ts';
import { suite } from '../../support/suite.ts';

const test = suite('properties of plans');
/** What plans read of the manifests; in full they would drown a counterexample. */
const manifests = readDeploy(deployFolder).objects.map(
  ({ apiVersion, kind, metadata }): KubernetesObject => ({ apiVersion, kind, metadata }),
);
const version = '1.2.3';
const none = { hasGatewayApi: true, installed: [] };

const shuffled = fc.shuffledSubarray(manifests, { minLength: manifests.length });

test('the order of the files does not change what is installed', () => {
  const wanted = planInstall(manifests, version, none).stages;
  fc.assert(
    fc.property(shuffled, (objects) => {
      assert.equal(planInstall(objects, version, none).stages, wanted);
    }),
    { numRuns: 20 },
  );
});

test('an upgrade to what is installed removes nothing', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(manifests), (installed) => {
      assert.equal(planInstall(manifests, version, { ...none, installed }).prune, []);
    }),
    { numRuns: 20 },
  );
});

const titles = (objects: readonly KubernetesObject[]): string[] => objects.map(titleOf).toSorted();
const some = (kind: string, count: number): fc.Arbitrary<KubernetesObject[]> =>
  fc.subarray(
    Array.from({ length: count }, (_, index) => ({
      apiVersion: 'v1',
      kind,
      metadata: { namespace: 'shop', name: `${kind.toLowerCase()}-${index}` },
    })),
  );
const facts: fc.Arbitrary<UninstallFacts> = fc.record({
  own: fc.shuffledSubarray(manifests),
  gateways: some('Gateway', 2),
  waypoints: some('Deployment', 2),
  written: some('ConfigMap', 3),
  foreign: some('Secret', 5),
});

test('whatever is found goes in one step or is kept with a reason', () => {
  fc.assert(
    fc.property(facts, fc.boolean(), (found, purge) => {
      const { steps, kept } = planUninstall(found, purge);
      const planned = [
        ...steps.flatMap(({ objects }) => objects),
        ...kept.map(({ object }) => object),
      ];
      const { own, gateways, waypoints, written } = found;
      assert.equal(titles(planned), titles([...own, ...gateways, ...waypoints, ...written]));
      assert.ok(kept.every(({ why }) => why !== ''));
    }),
  );
});

test('what is not of the mesh is in no step', () => {
  fc.assert(
    fc.property(facts, fc.boolean(), (found, purge) => {
      const planned = planUninstall(found, purge).steps.flatMap(({ objects }) => objects);
      assert.not.ok(planned.some((one) => found.foreign.includes(one)));
    }),
  );
});

test.run();
