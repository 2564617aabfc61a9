import * as assert from 'uvu/assert';
import {
  accessLogFormat,
  accessLogJsonFormat,
  defaultTextFormat,
} from '../../src/mesh/access-log-format.ts';
import { responseDetails } from '../../src/mesh/response-details.ts';
import { joinFlags } from '../../src/mesh/response-flags.ts';
import { suite } from '../support/suite.ts';

const test = suite('formats of access logs');

const fields = {
  start_time: '2026-11-21T08:00:00.000Z',
  method: 'GET',
  path: '/a"b\n',
  protocol: 'HTTP/2',
  response_code: 503,
  response_flags: 'UF,URX',
  bytes_sent: 0,
  authority: 'reviews:9080',
  upstream_host: '10.0.0.1:9080',
  upstream_cluster: 'outbound|9080|v1|reviews.default.svc.cluster.local',
  downstream_remote_address: '10.0.0.9:40000',
};

test('the default is the line of Istio, with a dash for what is not known', () => {
  assert.is(
    accessLogFormat(defaultTextFormat).render(fields),
    '[2026-11-21T08:00:00.000Z] "GET /a\\"b\\x0a HTTP/2" 503 UF,URX - - "-" - 0 - - "-" "-" "-" "reviews:9080" ' +
      '"10.0.0.1:9080" outbound|9080|v1|reviews.default.svc.cluster.local - - 10.0.0.9:40000 - -',
  );
});

for (const [format, line, unknown] of [
  ['%PROTOCOL% %%', 'HTTP/2 %', []],
  ['%REQ(:AUTHORITY):4%', 'revi', []],
  ['%REQ(X-OTHER?:METHOD)%', 'GET', []],
  ['%REQ(X-OTHER)%|', '-|', ['%REQ(X-OTHER)%']],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%\n', '10.0.0.9', []],
  ['%FILTER_STATE(x)%', '-', ['%FILTER_STATE(x)%']],
] as const) {
  test(`${JSON.stringify(format)} gives ${line}`, () => {
    const read = accessLogFormat(format);
    assert.is(read.render(fields), line);
    assert.equal(read.unknown, unknown);
  });
}

test('a JSON format is an object of formats', () => {
  const read = accessLogJsonFormat('{"code": "%RESPONSE_CODE%", "sni": "%REQUESTED_SERVER_NAME%"}');
  assert.is(read?.render(fields), '{"code":"503","sni":null}');
  for (const text of ['[]', '1', '%PROTOCOL%']) assert.is(accessLogJsonFormat(text), undefined);
});

test('flags come in the order of Envoy, each once', () => {
  assert.is(joinFlags('-', 'URX,UF', 'UF', 'DI'), 'UF,DI,URX');
  assert.is(joinFlags('-', '-'), '-');
});

test('details are words of Envoy, a policy by its name, or our code', () => {
  const local = { isUpstream: false, isDirect: false };
  assert.is(responseDetails({ ...local, isUpstream: true }), 'via_upstream');
  assert.is(responseDetails({ ...local, isDirect: true }), 'direct_response');
  assert.is(responseDetails({ ...local, code: 'AMB1701' }), 'route_not_found');
  assert.is(responseDetails({ ...local, code: 'AMB1710' }), 'AMB1710');
  assert.is(
    responseDetails({ ...local, code: 'AMB1702', policy: 'team/only-get', rule: 1 }),
    'rbac_access_denied_matched_policy[ns[team]-policy[only-get]-rule[1]]',
  );
});

test.run();
