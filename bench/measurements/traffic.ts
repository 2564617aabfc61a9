// What every measurement of traffic through the paths shares: the paths of the run, each checked to be
// what it says, and its proxies.

import type { Prepared, Sample, Turn } from '../measurement.ts';
import type { PathPlace, Stage } from '../stage/stage.ts';
import { verifyPath } from '../stage/verify.ts';
import { type Proxy, proxiesOf } from './proxies.ts';

/** One path of traffic. */
export interface Route {
  readonly place: PathPlace;
  readonly proxies: readonly Proxy[];
}

/** Prepares the stage's paths, or some of them, and measures each with `look`. */
export async function overPaths(
  stage: Stage | undefined,
  paths: readonly string[],
  look: (route: Route, turn: Turn) => Promise<Sample>,
): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  const routes = new Map<string, Route>();
  for (const plan of stage.plans.filter(({ path }) => paths.includes(path))) {
    const place = stage.place(plan.path);
    await verifyPath(stage, place);
    routes.set(plan.path, { place, proxies: await proxiesOf(stage, place) });
  }
  return {
    paths: [...routes.keys()],
    sample: async (path, turn) => {
      const route = routes.get(path);
      if (route === undefined) throw new TypeError(`no path ${path}`);
      return await look(route, turn);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
