import * as assert from 'uvu/assert';
import { silentLogger } from '../../../src/runtime/log.ts';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { Resolver } from '../../../src/standalone/dns/resolver.ts';
import { Upstream } from '../../../src/standalone/dns/upstream.ts';
import type { Services } from '../../../src/standalone/network/services/service-table.ts';
import {
  serviceOfSlice,
  viewEndpoints,
  viewService,
} from '../../../src/standalone/network/services/service-view.ts';
import { type Answer, question, readAnswer } from '../../support/dns-client.ts';
import { suite } from '../../support/suite.ts';
import { serviceObject, sliceObject } from '../service-objects.ts';

const test = suite('cluster names');

const http = { name: 'http', port: 80, protocol: 'TCP' };
const objects: readonly ApiObject[] = [
  serviceObject('web', {
    clusterIPs: ['10.96.1.1', 'fd00:10:96::101'],
    ports: [http, { ...http, name: 'dns', protocol: 'UDP', port: 53 }],
  }),
  serviceObject('v4only', { clusterIPs: ['10.96.1.2'], ports: [http] }),
  serviceObject('db', { clusterIP: 'None', clusterIPs: ['None'], ports: [http] }),
  sliceObject(
    'db',
    [
      { address: '10.244.1.5', hostname: 'db-0' },
      { address: '10.244.2.6' },
      { address: '10.244.2.7', ready: false },
    ],
    [{ ...http, port: 8080 }],
  ),
  sliceObject('db', [{ address: 'fd00:10:244:1::5', hostname: 'db-0' }], [{ ...http, port: 8080 }]),
  serviceObject('empty', { clusterIP: 'None', clusterIPs: ['None'], ports: [http] }),
  serviceObject('eager', {
    clusterIP: 'None',
    clusterIPs: ['None'],
    publishNotReadyAddresses: true,
    ports: [http],
  }),
  sliceObject('eager', [{ address: '10.244.2.9', ready: false }], [http]),
  serviceObject('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  serviceObject('loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  serviceObject('abroad', { type: 'ExternalName', externalName: 'example.org' }),
];

const services: Services = {
  all: () => objects.filter(({ kind }) => kind === 'Service').map(viewService),
  byKey: (key) => [...services.all()].find((view) => view.key === key),
  endpointsOf: (key) => objects.filter((one) => serviceOfSlice(one) === key).flatMap(viewEndpoints),
};

const resolver = new Resolver({
  services,
  upstream: new Upstream({ servers: async () => [] }),
  log: silentLogger,
  random: () => 0.5,
});

async function ask(name: string, type: string, udpSize?: number): Promise<Answer> {
  const bytes = await resolver.answer(
    question(name, type, udpSize),
    'udp',
    new AbortController().signal,
  );
  assert.ok(bytes);
  return readAnswer(bytes);
}

const noError = 0;
const serverFailure = 2;
const noSuchName = 3;

test('a service has its address in each family', async () => {
  const name = 'web.default.svc.cluster.local';
  assert.equal((await ask(name, 'A')).answers, [`${name} A 10.96.1.1`]);
  assert.equal((await ask(name, 'AAAA')).answers, [
    `${name} AAAA fd000010009600000000000000000101`,
  ]);
});

test("names are the same in any letter case, and the answer repeats the question's", async () => {
  const { answers } = await ask('WEB.Default.SVC.cluster.LOCAL', 'A');
  assert.equal(answers, ['WEB.Default.SVC.cluster.LOCAL A 10.96.1.1']);
});

test('a family that a service lacks is "no data", not "no such name"', async () => {
  const answer = await ask('v4only.default.svc.cluster.local', 'AAAA');
  assert.is(answer.code, noError);
  assert.equal(answer.answers, []);
  assert.match(answer.authority[0] ?? '', /^cluster\.local SOA negative 5$/);
});

test('what the search list of a pod makes of a foreign name does not exist', async () => {
  for (const name of [
    'example.com.default.svc.cluster.local',
    'example.com.svc.cluster.local',
    'example.com.cluster.local',
    'web.default.default.svc.cluster.local',
    'web.other.svc.cluster.local',
    'nothing.svc.cluster.local',
  ]) {
    const answer = await ask(name, 'A');
    assert.is(answer.code, noSuchName, name);
    assert.ok(answer.authoritative);
    assert.is(answer.authority.length, 1);
  }
});

test('names with other names below them exist without data', async () => {
  for (const name of [
    'cluster.local',
    'svc.cluster.local',
    'default.svc.cluster.local',
    '_tcp.web.default.svc.cluster.local',
  ]) {
    const answer = await ask(name, 'A');
    assert.is(answer.code, noError, name);
    assert.equal(answer.answers, []);
  }
});

test('a headless service has the addresses of its ready endpoints, and does not exist without any', async () => {
  const name = 'db.default.svc.cluster.local';
  assert.equal(
    new Set((await ask(name, 'A')).answers),
    new Set([`${name} A 10.244.1.5`, `${name} A 10.244.2.6`]),
  );
  assert.equal((await ask(name, 'AAAA')).answers, [
    `${name} AAAA fd000010024400010000000000000005`,
  ]);
  assert.is((await ask('empty.default.svc.cluster.local', 'A')).code, noSuchName);
  assert.is((await ask('eager.default.svc.cluster.local', 'A')).answers.length, 1);
});

test('pods of a headless service have names of their own', async () => {
  const named = 'db-0.db.default.svc.cluster.local';
  assert.equal((await ask(named, 'A')).answers, [`${named} A 10.244.1.5`]);
  const unnamed = '10-244-2-6.db.default.svc.cluster.local';
  assert.equal((await ask(unnamed, 'A')).answers, [`${unnamed} A 10.244.2.6`]);
  assert.is((await ask('db-1.db.default.svc.cluster.local', 'A')).code, noSuchName);
  assert.is((await ask('10-244-2-7.db.default.svc.cluster.local', 'A')).code, noSuchName);
});

test('SRV names the port and, for headless services, each pod', async () => {
  const virtual = '_http._tcp.web.default.svc.cluster.local';
  const answer = await ask(virtual, 'SRV');
  assert.equal(answer.answers, [`${virtual} SRV 80 web.default.svc.cluster.local`]);
  assert.is(answer.additional.length, 2);
  assert.is((await ask('_http._udp.web.default.svc.cluster.local', 'SRV')).code, noSuchName);
  const headless = '_http._tcp.db.default.svc.cluster.local';
  assert.equal(
    new Set((await ask(headless, 'SRV', 1232)).answers),
    new Set([
      `${headless} SRV 8080 db-0.db.default.svc.cluster.local`,
      `${headless} SRV 8080 10-244-2-6.db.default.svc.cluster.local`,
    ]),
  );
});

test('addresses lead back to names', async () => {
  const name = '1.1.96.10.in-addr.arpa';
  assert.equal((await ask(name, 'PTR')).answers, [`${name} PTR web.default.svc.cluster.local`]);
  const pod = '5.1.244.10.in-addr.arpa';
  assert.equal((await ask(pod, 'PTR')).answers, [`${pod} PTR db-0.db.default.svc.cluster.local`]);
  const v6 = '1.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa';
  assert.equal((await ask(v6, 'PTR')).answers, [`${v6} PTR web.default.svc.cluster.local`]);
  assert.is((await ask('9.9.96.10.in-addr.arpa', 'PTR')).code, noSuchName);
});

test('an external name is an alias, with the records of its target when it is in the cluster', async () => {
  const name = 'alias.default.svc.cluster.local';
  assert.equal((await ask(name, 'A')).answers, [
    `${name} CNAME web.default.svc.cluster.local`,
    'web.default.svc.cluster.local A 10.96.1.1',
  ]);
  assert.equal((await ask(name, 'CNAME')).answers, [`${name} CNAME web.default.svc.cluster.local`]);
});

test('an alias of itself ends in a failure', async () => {
  assert.is((await ask('loop.default.svc.cluster.local', 'A')).code, serverFailure);
});

test('without a name server of the machine, foreign names fail and those of the cluster do not', async () => {
  assert.is((await ask('example.com', 'A')).code, serverFailure);
  assert.is((await ask('abroad.default.svc.cluster.local', 'A')).code, serverFailure);
  assert.is((await ask('web.default.svc.cluster.local', 'A')).code, noError);
});

test('a name without a dot that nobody knows does not exist, rather than failing for now', async () => {
  assert.is((await ask('wbe', 'A')).code, noSuchName);
});

test('the schema version and the addresses of pods are answered', async () => {
  assert.equal((await ask('dns-version.cluster.local', 'TXT')).answers, [
    'dns-version.cluster.local TXT 1.1.0',
  ]);
  const pod = '10-244-1-5.default.pod.cluster.local';
  assert.equal((await ask(pod, 'A')).answers, [`${pod} A 10.244.1.5`]);
});

test('an answer that does not fit the client is cut and says so', async () => {
  const many = Array.from({ length: 60 }, (_, index) => ({ address: `10.244.3.${index + 2}` }));
  const large = new Resolver({
    services: {
      ...services,
      endpointsOf: () => viewEndpoints(sliceObject('db', many, [http])),
    },
    upstream: new Upstream({ servers: async () => [] }),
    log: silentLogger,
  });
  const signal = new AbortController().signal;
  const query = question('db.default.svc.cluster.local', 'A');
  const udp = await large.answer(query, 'udp', signal);
  assert.ok(udp && udp.length <= 512);
  assert.ok(readAnswer(udp).truncated);
  const wider = await large.answer(
    question('db.default.svc.cluster.local', 'A', 4096),
    'udp',
    signal,
  );
  assert.ok(wider && wider.length > 512 && wider.length <= 1232);
  const tcp = await large.answer(query, 'tcp', signal);
  assert.ok(tcp);
  assert.is(readAnswer(tcp).answers.length, 60);
  assert.not.ok(readAnswer(tcp).truncated);
});

test.run();
