import * as assert from 'uvu/assert';
import { createRoot } from '../../../src/controller/ca/authority.ts';
import { loadAuthority } from '../../../src/controller/ca/load-authority.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import { suite } from '../../support/suite.ts';
import { Secrets } from './secrets.ts';

const test = suite('loading the authority');

const load = (secrets: Secrets) =>
  loadAuthority(secrets, 'cluster.local', Date.now(), silentLogger);

test('makes a root once and finds it again after a restart', async () => {
  const secrets = new Secrets();
  const first = await load(secrets);
  const second = await load(secrets);
  assert.is(first.rootPem, second.rootPem);
  assert.equal([...secrets.all.keys()], ['istio-ca-secret']);
});

test('takes the root of the one who was faster', async () => {
  const secrets = new Secrets();
  const faster = createRoot('cluster.local', Date.now());
  const create = secrets.create.bind(secrets);
  secrets.create = (name, type, data) => {
    const other = new Map([
      ['ca-cert.pem', faster.certPem],
      ['ca-key.pem', faster.keyPem],
      ['root-cert.pem', faster.rootPem],
    ]);
    void create(name, type, other);
    return create(name, type, data);
  };
  assert.is((await load(secrets)).rootPem, faster.rootPem);
});

test('prefers the authority that an operator plugged in', async () => {
  const secrets = new Secrets();
  await load(secrets);
  const given = createRoot('example.org', Date.now());
  secrets.all.set(
    'cacerts',
    new Map([
      ['tls.crt', given.certPem],
      ['tls.key', given.keyPem],
      ['ca.crt', given.rootPem],
    ]),
  );
  assert.is((await load(secrets)).rootPem, given.rootPem);
});

test('makes no new root where a Secret is broken, and names what is missing', async () => {
  const secrets = new Secrets();
  secrets.all.set('istio-ca-secret', new Map([['ca-cert.pem', 'x']]));
  let message = '';
  await load(secrets).catch((error: unknown) => {
    message = String(error);
  });
  assert.match(message, /AMB1636 Secret istio-ca-secret ca-key.pem or tls.key: is missing/);
});

test.run();
