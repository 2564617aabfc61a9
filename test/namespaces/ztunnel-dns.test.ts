import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { removeRedirection } from '../../src/cni/redirect/apply.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { maxPendingQueries } from '../../src/ztunnel/dns/pod-names.ts';
import { proxyMark } from '../../src/ztunnel/proxy/proxy-parts.ts';
import { addresses, families } from '../cni/pod-network.ts';
import { question, readAnswer } from '../support/dns-client.ts';
import { suite } from '../support/suite.ts';
import { echo, exchange, exchangeTcp, outsideServer, resolve, start, types } from './dns-scene.ts';
import { answerTo } from './dns-upstream.ts';
import { runIn } from './net-support.ts';
import { serviceAddresses } from './ztunnel-support.ts';

const test = suite('names in pods of the mesh', { deadlineMs: 60_000 });

for (const family of families) {
  test(`answers for the mesh whatever ${family} server the pod asks`, async ({ stack }) => {
    const { network, arrived } = await start(stack);
    const answers = await resolve(network.alpha, outsideServer[family], [
      `resolve4 ${echo}`,
      `resolve6 ${echo}`,
      'resolve4 echo.default',
      'resolve4 db.default',
      'resolve6 db.default',
      'resolve4 db-1.db.default.svc.cluster.local',
      'resolve4 www.example.com',
      'resolve6 www.example.com',
      'resolve4 www.example.com.default.svc.cluster.local',
    ]);
    assert.equal(answers, [
      serviceAddresses.ipv4,
      serviceAddresses.ipv6,
      serviceAddresses.ipv4,
      '10.78.1.0 10.78.1.1',
      'fd78:1:: fd78:1::1',
      '10.78.1.1',
      '240.240.0.1',
      'ENODATA',
      '240.240.0.1',
    ]);
    assert.equal(arrived, []);
  });

  test(`asks the ${family} server of the proxy in the pod's place`, async ({ stack }) => {
    const { network, arrived, servers, registries, lines } = await start(stack);
    servers.splice(0, 1, { address: addresses.node[family], port: 53 });
    const names = ['one.test', 'two.test', 'three.test'];
    // One resolver asks all of them: later packets of a redirected flow must find the proxy as well.
    const answers = await resolve(
      network.alpha,
      outsideServer[family],
      names.map((name) => `resolve4 ${name}`),
    );
    assert.equal(answers, ['192.0.2.1', '192.0.2.1', '192.0.2.1']);
    assert.equal(
      arrived.map(({ name, source, transport }) => `${name} ${transport} ${source}`),
      names.map((name) => `${name} udp ${addresses.alpha[family]}`),
    );
    const metrics = await registries.alpha.text();
    const labels = `request_query_type="a",request_protocol="udp",source_canonical_service="alpha",source_canonical_revision="latest"`;
    assert.ok(metrics.includes(`istio_dns_requests_total{${labels}} 3`), metrics);
    assert.ok(metrics.includes(`istio_dns_upstream_requests_total{${labels}} 3`));
    assert.ok(metrics.includes(`istio_dns_upstream_request_duration_seconds_count{${labels}} 3`));
    assert.not.match(metrics, /istio_dns_upstream_failures_total\{/);
    assert.ok(lines.some(({ domain, result }) => domain === 'one.test.' && result === 'forward'));
  });

  test(`asks the very server that the pod would have asked over ${family}`, async ({ stack }) => {
    // Both flows have the same server and port, so connection tracking has to keep them apart.
    const { network, arrived, servers } = await start(stack);
    servers.splice(0, 1, { address: addresses.node[family], port: 53 });
    const asked = Array.from({ length: 20 }, (_, index) => `resolve4 n${index}.test`);
    const answers = await resolve(network.alpha, addresses.node[family], asked);
    assert.equal(new Set(answers), new Set(['192.0.2.1']));
    assert.is(arrived.length, 20);
  });

  test(`answers over TCP on ${family}, several questions on a connection`, async ({ stack }) => {
    const { network, arrived } = await start(stack);
    const answers = await exchangeTcp(network.alpha, outsideServer[family], [
      question(echo, 'A'),
      question('one.test', 'A'),
      question(echo, 'A'),
    ]);
    const told = answers.map((answer) => readAnswer(answer).answers.join()).toSorted();
    const own = `${echo} A ${serviceAddresses.ipv4}`;
    assert.equal(told, [own, own, 'one.test A 192.0.2.1']);
    assert.equal(
      arrived.map(({ transport, source }) => `${transport} ${source}`),
      [`tcp ${addresses.alpha.ipv4}`],
    );
  });
}

for (const family of families) {
  test(`keeps the proxy's ${family} questions apart from the pod's on the same port`, async ({
    stack,
  }) => {
    const { network } = await start(stack);
    const host = family === 'ipv4' ? '0.0.0.0' : '::';
    const askFrom = async (mark?: number): Promise<string> => {
      const marked = mark === undefined ? {} : { mark };
      const socket = await openUdp({ host, port: 40_053, namespace: network.alpha, ...marked });
      const answered = once(socket, 'message') as Promise<[Buffer]>;
      socket.send(question(echo, 'A'), 53, addresses.node[family]);
      const [answer] = await answered;
      await new Promise<void>((resolve) => void socket.close(resolve));
      return readAnswer(answer).answers.join();
    };
    const ownAnswer = `${echo} A ${serviceAddresses.ipv4}`;
    // The pod's flow is still tracked when the proxy gets the port that the pod has given up.
    assert.is(await askFrom(), ownAnswer);
    assert.is(await askFrom(proxyMark), `${echo} A 192.0.2.1`);
    assert.is(await askFrom(), ownAnswer);
  });
}

test('finds services by the search domains of the pod', async ({ stack }) => {
  const { network } = await start(stack, ({ bytes }) => answerTo(bytes, types.a, [], 0x8183));
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-ztunnel-dns-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'resolv.conf');
  const search = 'default.svc.cluster.local svc.cluster.local cluster.local';
  writeFileSync(file, `nameserver ${outsideServer.ipv4}\nsearch ${search}\noptions ndots:5\n`);
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  for (const [name, address] of [
    ['echo', serviceAddresses.ipv4],
    ['echo.default', serviceAddresses.ipv4],
    ['www.example.com', '240.240.0.1'],
  ] as const) {
    const args = ['-m', 'sh', '-c', script, file, 'getent', 'ahostsv4', name];
    const { stdout, stderr } = await runIn(network.alpha, 'unshare', args);
    assert.ok(stdout.startsWith(`${address} `), `${name}: ${stdout}${stderr}`);
  }
});

test('passes other record types and EDNS options through untouched', async ({ stack }) => {
  const text = Buffer.from('\u0005hello\u0002\xff\u0000', 'latin1');
  const { network, arrived } = await start(stack, ({ bytes }) =>
    answerTo(bytes, types.txt, [text]),
  );
  const query = question('txt.test', 'TXT', 4096);
  // A cookie (RFC 7873) that the proxy knows nothing of.
  const cookie = Buffer.of(0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8);
  query.writeUInt16BE(cookie.length, query.length - 2);
  const sent = Buffer.concat([query, cookie]);
  const { answer, from } = await exchange(stack, network.alpha, outsideServer.ipv4, sent);
  assert.is(from.address, outsideServer.ipv4);
  assert.equal(arrived[0]?.bytes.subarray(2), sent.subarray(2));
  assert.equal(answer, answerTo(sent, types.txt, [text]));
});

test('comes back over TCP when an answer was cut', async ({ stack }) => {
  const many = Array.from({ length: 100 }, (_, index) => Buffer.of(192, 0, 2, index));
  const { network, arrived } = await start(stack, ({ bytes, transport }) =>
    transport === 'udp' ? answerTo(bytes, types.a, [], 0x8380) : answerTo(bytes, types.a, many),
  );
  const [answer] = await resolve(network.alpha, outsideServer.ipv4, ['resolve4 big.test']);
  assert.is(answer?.split(' ').length, 100);
  assert.equal(
    arrived.map(({ transport }) => transport),
    ['udp', 'tcp'],
  );
});

test('passes the response code of the server through', async ({ stack }) => {
  const { network } = await start(stack, ({ bytes }) => answerTo(bytes, types.a, [], 0x8183));
  const answers = await resolve(network.alpha, outsideServer.ipv4, ['resolve4 nothing.test']);
  assert.equal(answers, ['ENOTFOUND']);
});

test('says that it failed when no server answers, with a code', async ({ stack }) => {
  const { network, servers, registries, lines } = await start(stack);
  for (const list of [
    [{ address: addresses.node.ipv4, port: 54 }],
    [{ address: '127.0.0.53', port: 53 }],
    [],
  ]) {
    servers.splice(0, servers.length, ...list);
    const query = question('one.test', 'A');
    const { answer } = await exchange(stack, network.alpha, outsideServer.ipv4, query);
    assert.is(readAnswer(answer).code, 2);
  }
  servers.splice(0, servers.length, { address: addresses.node.ipv4, port: 54 });
  const [overTcp] = await exchangeTcp(network.alpha, outsideServer.ipv4, [
    question('one.test', 'A'),
  ]);
  assert.is(readAnswer(overTcp!).code, 2);
  assert.is(lines.filter(({ code }) => code === 'AMB1451').length, 4);
  const metrics = await registries.alpha.text();
  assert.match(metrics, /istio_dns_upstream_failures_total\{request_query_type="a",[^}]*\} 3/);
  assert.match(metrics, /ambit_dns_failures_total\{code="AMB1451"\} 4/);
  const stillThere = await exchange(stack, network.alpha, outsideServer.ipv4, question(echo, 'A'));
  assert.is(readAnswer(stillThere.answer).code, 0);
});

test('asks the next server when one is silent', async ({ stack }) => {
  const { network, servers } = await start(stack);
  servers.unshift({ address: '10.78.0.200', port: 53 });
  const answers = await resolve(network.alpha, outsideServer.ipv4, ['resolve4 one.test']);
  assert.equal(answers, ['192.0.2.1']);
});

test('refuses what it can not read and holds a bounded number of queries', async ({
  stack,
  signal,
}) => {
  const { network, registries, arrived } = await start(stack, () => undefined);
  const opcode = question(echo, 'A');
  opcode[2] = 0x28;
  const isAnswer = question(echo, 'A');
  isAnswer[2] = 0x81;
  const unreadable = question(echo, 'A').subarray(0, 20);
  for (const [bytes, code] of [
    [opcode, 4],
    [isAnswer, 1],
    [unreadable, 1],
  ] as const) {
    const { answer } = await exchange(stack, network.alpha, outsideServer.ipv4, bytes);
    assert.is((answer[3] ?? 0) & 15, code);
  }
  const socket = await openUdp({ host: '0.0.0.0', port: 0, namespace: network.alpha });
  stack.defer(() => void socket.close());
  const refused = once(socket, 'message', { signal }) as Promise<[Buffer]>;
  for (let count = 0; count <= maxPendingQueries; count++) {
    socket.send(question(`n${count}.test`, 'A'), 53, outsideServer.ipv4);
    // So that no buffer of the kernel runs over.
    if (count % 32 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const [answer] = await refused;
  assert.is(readAnswer(answer).code, 5);
  assert.ok(arrived.length <= maxPendingQueries);
  const metrics = await registries.alpha.text();
  assert.match(metrics, /ambit_dns_failures_total\{code="AMB1453"\} 3/);
  assert.match(metrics, /ambit_dns_failures_total\{code="AMB1452"\} [1-9]/);
  // Names of the mesh wait for nobody, so they are answered all the same.
  const own = await exchange(stack, network.alpha, outsideServer.ipv4, question(echo, 'A'));
  assert.is(readAnswer(own.answer).code, 0);
});

test('waits for the controller to describe the pod, but not for ever', async ({ stack }) => {
  const { network, publish, workloads, lines } = await start(stack);
  publish({ removed: [workloads.alpha.uid] });
  const early = exchange(stack, network.alpha, outsideServer.ipv4, question(echo, 'A'));
  await new Promise((resolve) => setImmediate(resolve));
  publish({ workloads: [workloads.alpha] });
  assert.is(readAnswer((await early).answer).code, 0);
  publish({ removed: [workloads.alpha.uid] });
  const never = await exchange(stack, network.alpha, outsideServer.ipv4, question(echo, 'A'));
  assert.is(readAnswer(never.answer).code, 2);
  assert.ok(lines.some(({ code }) => code === 'AMB1404'));
});

test('serves a socket that a pod keeps while it joins and leaves', async ({ stack }) => {
  const { network, proxies } = await start(stack);
  const socket = await openUdp({ host: '0.0.0.0', port: 0, namespace: network.alpha });
  stack.defer(() => void socket.close());
  const ask = async (): Promise<string> => {
    const answered = once(socket, 'message') as Promise<[Buffer, RemoteInfo]>;
    socket.send(question(echo, 'A'), 53, addresses.node.ipv4);
    const [answer, from] = await answered;
    assert.is(from.address, addresses.node.ipv4);
    return readAnswer(answer).answers.join();
  };
  assert.is(await ask(), `${echo} A ${serviceAddresses.ipv4}`);
  assert.is(await ask(), `${echo} A ${serviceAddresses.ipv4}`);
  await removeRedirection(network.alpha);
  proxies.alpha.pods.remove('uid-alpha');
  assert.is(await ask(), `${echo} A 192.0.2.1`);
});

test('leaves names to the pod again when it leaves the mesh', async ({ stack }) => {
  const { network, proxies, arrived } = await start(stack);
  const ask = () => resolve(network.alpha, addresses.node.ipv4, [`resolve4 ${echo}`]);
  assert.equal(await ask(), [serviceAddresses.ipv4]);
  await removeRedirection(network.alpha);
  proxies.alpha.pods.remove('uid-alpha');
  assert.equal(await ask(), ['192.0.2.1']);
  assert.equal(
    arrived.map(({ source }) => source),
    [addresses.alpha.ipv4],
  );
  // Both ports are free again for whoever needs them.
  const socket = await openUdp({ host: '127.0.0.1', port: 15_053, namespace: network.alpha });
  socket.close();
});

test.run();
