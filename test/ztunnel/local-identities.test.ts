import * as assert from 'uvu/assert';
import { CertificateStore } from '../../src/dataplane/certificates/certificate-store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { LocalIdentities } from '../../src/ztunnel/pods/local-identities.ts';
import { TestAuthority } from '../support/certificates.ts';
import { publish, stateOf } from '../support/mesh-state.ts';
import { aWorkload } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('identities of local pods');
const pod = { uid: 'u1', name: 'alpha', namespace: 'default', serviceAccount: 'alpha' };
const expected = 'spiffe://cluster.local/ns/default/sa/alpha';

function start(stack: AsyncDisposableStack) {
  const authority = new TestAuthority();
  const asked: string[] = [];
  const store = stack.use(
    new CertificateStore({
      source: async (identity) => {
        asked.push(identity);
        return await authority.issue(identity);
      },
      clock: systemClock,
      log: silentLogger,
    }),
  );
  return { asked, store, identities: new LocalIdentities(store) };
}

test('are asked for before the controller has described the pod, and only once', ({ stack }) => {
  const { asked, identities, store } = start(stack);
  const state = stateOf([aWorkload('somebody-else')], []);
  identities.update([pod], state);
  assert.equal(asked, [expected]);
  publish(state, { workloads: [aWorkload('alpha')] });
  identities.update([pod], state);
  assert.equal(asked, [expected]);
  identities.update([], state);
  assert.equal(store.states(), []);
});

test('are not guessed while nothing is known of the mesh', ({ stack }) => {
  const { asked, identities } = start(stack);
  identities.update([pod], stateOf([], []));
  assert.equal(asked, []);
});

test('are corrected when the controller describes the pod otherwise', ({ stack }) => {
  const { identities, store } = start(stack);
  const state = stateOf([aWorkload('somebody-else', { trustDomain: 'elsewhere.example' })], []);
  identities.update([pod], state);
  publish(state, { workloads: [aWorkload('alpha')] });
  identities.update([pod], state);
  assert.equal(
    store.states().map(({ identity }) => identity),
    [expected],
  );
});

test.run();
