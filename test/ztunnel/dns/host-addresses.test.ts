import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/runtime/clock.ts';
import { codeOf } from '../../../src/runtime/errors.ts';
import { buildError, parseQuery } from '../../../src/wire/dns/message.ts';
import { HostAddresses } from '../../../src/ztunnel/dns/host-addresses.ts';
import { answerTo } from '../../namespaces/dns-upstream.ts';
import { suite } from '../../support/suite.ts';

const test = suite('addresses of host names');

const forever = new AbortController().signal;

interface Scene {
  readonly hosts: HostAddresses;
  readonly asked: string[];
  /** What the server answers with for A; `failing` is a server failure. */
  answers: readonly string[] | 'failing';
  passTime(ms: number): void;
}

async function scene(stack: AsyncDisposableStack): Promise<Scene> {
  const server = createSocket('udp4');
  stack.defer(() => void server.close());
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  let passedMs = 0;
  const state: Scene = {
    asked: [],
    answers: [],
    passTime: (ms) => (passedMs += ms),
    hosts: new HostAddresses({
      nameServers: async () => [{ address: '127.0.0.1', port: server.address().port }],
      clock: { ...systemClock, monotonic: () => passedMs },
    }),
  };
  server.on('message', (bytes, peer) => {
    const parsed = parseQuery(bytes);
    if (parsed.kind !== 'query') return;
    const { name, type } = parsed.query.question;
    if (type === 1) state.asked.push(name.join('.'));
    const reply =
      state.answers === 'failing'
        ? buildError(bytes.readUInt16BE(0), 2)
        : answerTo(bytes, 1, type === 1 ? state.answers.map(octets) : []);
    server.send(reply, peer.port, peer.address);
  });
  return state;
}

function octets(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

test('one question serves all who wait, and is not asked again while the answer is fresh', async ({
  stack,
}) => {
  const at = await scene(stack);
  at.answers = ['192.0.2.1', '192.0.2.2'];
  assert.is(at.hosts.known('x.example'), undefined);
  await Promise.all([
    at.hosts.resolve('x.example', forever),
    at.hosts.resolve('x.example', forever),
  ]);
  assert.equal(at.hosts.known('x.example'), ['192.0.2.1', '192.0.2.2']);
  assert.equal(at.asked, ['x.example']);
  at.passTime(301_000);
  assert.is(at.hosts.known('x.example'), undefined);
  at.answers = ['192.0.2.3'];
  await at.hosts.resolve('x.example', forever);
  assert.equal(at.hosts.known('x.example'), ['192.0.2.3']);
});

test('a name without an address fails with its code', async ({ stack }) => {
  const at = await scene(stack);
  const failure = await at.hosts.resolve('nothing.example', forever).catch((error) => error);
  assert.is(codeOf(failure), 'AMB1455');
  assert.match(String(failure), /nothing\.example has no address, asked 127\.0\.0\.1/);
  assert.is(at.hosts.known('nothing.example'), undefined);
});

test('addresses that were good are used on while the server fails', async ({ stack }) => {
  const at = await scene(stack);
  at.answers = ['192.0.2.1'];
  await at.hosts.resolve('x.example', forever);
  at.passTime(301_000);
  at.answers = 'failing';
  await at.hosts.resolve('x.example', forever);
  assert.equal(at.hosts.known('x.example'), ['192.0.2.1']);
  at.passTime(301_000);
  at.answers = [];
  const failure = await at.hosts.resolve('x.example', forever).catch((error) => error);
  assert.is(codeOf(failure), 'AMB1455', 'a server that says there is nothing is believed');
});

test('who goes away does not wait for the answer', async ({ stack }) => {
  const at = await scene(stack);
  const gone = new AbortController();
  const reason = new Error('the pod has gone');
  gone.abort(reason);
  assert.is(await at.hosts.resolve('x.example', gone.signal).catch((error) => error), reason);
});

test.run();
