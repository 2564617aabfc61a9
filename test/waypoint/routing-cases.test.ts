import { setImmediate as turn } from 'node:timers/promises';
import { array, asyncProperty, assert as check } from 'fast-check';
import * as assert from 'uvu/assert';
import { keyOfService } from '../../src/mesh/service.ts';
import { match, request, takes } from '../cases/any-route.ts';
import { routesOf, routingCases } from '../cases/routing.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, servicePort, startWaypoint } from './fixture.ts';

const test = suite('routing cases through a waypoint');

test('every case comes out as in the pure engine', async ({ stack }) => {
  const waypoint = await startWaypoint(stack);
  const reviews = serviceOf('reviews');
  waypoint.mesh.services.push(reviews);
  for (const one of routingCases) {
    waypoint.configure({ service: keyOfService(reviews), routes: routesOf(one) });
    const answer = await ask(await waypoint.open(), one.request);
    assert.is(String(answer.body), one.takes ? 'wanted' : 'rest', one.title);
  }
});

test('tables and requests made by chance come out as in the pure engine, and are told of so', async ({
  stack,
}) => {
  const waypoint = await startWaypoint(stack);
  const reviews = serviceOf('reviews');
  waypoint.mesh.services.push(reviews);
  const known = { port: servicePort, namespace: 'default', labels: {} };
  await check(
    asyncProperty(array(match, { minLength: 1, maxLength: 5 }), request, async (matches, asked) => {
      const routes = matches.map((one, index) => ({
        origin: `entry ${index}`,
        matches: [one],
        directResponse: { status: 200, body: String(index) },
      }));
      waypoint.configure({ service: keyOfService(reviews), routes });
      const facts = { ...asked, ...known };
      const expected = matches.findIndex((one) => takes(one, facts));
      const { path = '/', query = '', method = 'GET', headers = {} } = asked;
      const target = query === '' ? path : `${path}?${query}`;
      waypoint.records.length = 0;
      const answer = await ask(await waypoint.open(), { method, path: target, headers });
      // Without an entry for its port and its place a request goes to the service, which has no endpoint.
      const concerns = matches.some(({ port, sourceNamespace, sourceLabels }) =>
        takes(
          {
            ...(port !== undefined && { port }),
            ...(sourceNamespace !== undefined && { sourceNamespace }),
            ...(sourceLabels !== undefined && { sourceLabels }),
          },
          facts,
        ),
      );
      assert.is(answer.status, expected !== -1 ? 200 : concerns ? 404 : 503);
      if (expected !== -1) assert.is(String(answer.body), String(expected));
      // The record is made once the answer is out.
      while (waypoint.records.length === 0) await turn();
      const [record] = waypoint.records;
      assert.is(record?.verdict.route, expected === -1 ? undefined : `entry ${expected}`);
    }),
    { numRuns: 500 },
  );
});

test.run();
