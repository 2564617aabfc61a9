import * as assert from 'uvu/assert';
import { keyOfService } from '../../src/mesh/service.ts';
import { routesOf, routingCases } from '../cases/routing.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, startWaypoint } from './fixture.ts';

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

test.run();
