// What is told of how far a proxy has followed.

import * as assert from 'uvu/assert';
import { ProxySession } from '../../../src/controller/publish/proxy-session.ts';
import { emptySnapshot } from '../../../src/controller/publish/resources.ts';
import { buildOf, syncStates } from '../../../src/controller/publish/sync-status.ts';
import { type DeltaRequest, typeUrls } from '../../../src/wire/xds.ts';
import { suite } from '../../support/suite.ts';

const test = suite('sync status');

const request = (more: Partial<DeltaRequest> = {}): DeltaRequest => ({
  typeUrl: typeUrls.authorization,
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  responseNonce: '',
  ...more,
});

test('a type goes from not sent to stale to synced, and is an error while it is refused', () => {
  const session = new ProxySession({ kind: 'ztunnel', namespace: 'istio-system', name: 'z' });
  const states = (refusals = new Map<string, { reason: string }>()): unknown =>
    syncStates(session, refusals).map(({ type, state, acknowledged }) => [
      type,
      state,
      acknowledged,
    ]);
  assert.equal(states(), [], 'nothing is subscribed to');
  session.receive(typeUrls.authorization, request());
  assert.equal(states(), [['WADS', 'NOT SENT', '']]);
  const sent = session.next({ ...emptySnapshot, hash: 'one' });
  assert.equal(states(), [['WADS', 'STALE', '']]);
  session.receive(typeUrls.authorization, request({ responseNonce: sent?.nonce ?? '' }));
  assert.equal(states(), [['WADS', 'SYNCED', 'one']]);
  const refused = new Map([[typeUrls.authorization, { reason: 'no idea' }]]);
  assert.equal(states(refused), [['WADS', 'ERROR', 'one']]);
  assert.is(syncStates(session, refused)[0]?.reason, 'no idea');
});

test('the version is ours, or that of a stock proxy', () => {
  const build = (metadata: Record<string, string | number>): unknown =>
    buildOf({ id: 'x', metadata });
  const cluster = 'one';
  assert.equal(build({ CLUSTER_ID: cluster, AMBIT_VERSION: '0.1.0', ISTIO_VERSION: '1.29.0' }), {
    cluster,
    version: '0.1.0',
  });
  assert.equal(build({ CLUSTER_ID: cluster, ISTIO_VERSION: '1.29.0' }), {
    cluster,
    version: '1.29.0',
  });
  assert.equal(build({ ISTIO_VERSION: 3 }), { cluster: '', version: '' });
});

test.run();
