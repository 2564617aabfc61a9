// How soon a changed route is in force while requests go on, by the number of other routes of the same
// host; what those cost a waypoint in memory; and whether any request got an answer of no version in force.

import http from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connectTcp } from '../../src/linux/tcp.ts';
import type { Measurement, Prepared, Sample, Turn } from '../measurement.ts';
import { ports } from '../stage/manifests.ts';
import { residentBytes } from '../stage/processes.ts';
import type { PathPlace, Stage } from '../stage/stage.ts';
import { percentile } from '../statistics.ts';

const counts = new Map([
  ['0 routes', 0],
  ['3,000 routes', 3_000],
  ['5,000 routes', 5_000],
]);
const routesPerObject = 250;
/** Three rounds are more than 200 changes. */
const changesPerLook = 25;

export const routeChanges: Measurement = {
  name: 'route-changes',
  summary:
    'from sending a changed VirtualService to the first request on it, under traffic; wrong answers are errors',
  metrics: [
    { name: 'first request', unit: 'ms', better: 'lower' },
    { name: 'slowest', unit: 'ms', better: 'lower' },
    { name: 'waypoint memory', unit: 'MB', better: 'lower' },
  ],
  paths: [...counts.keys()],
  tools: [],
  needsMesh: true,
  maxRounds: 3,
  warmUp: false,
  prepare,
};

async function prepare(stage: Stage | undefined): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  const place = stage.place('waypoint');
  const pid = await stage.processOf('ambit/waypoint', { namespace: place.plan.namespace });
  const changing = new ChangingRoute(stage, place);
  return {
    paths: [...counts.keys()],
    sample: async (path, turn) => {
      await changing.fill(counts.get(path) ?? 0);
      await changing.change(turn.signal);
      const { times, wrong } = await changing.changeUnderTraffic(turn);
      return sampleOf(times, wrong, residentBytes(pid) / 1e6);
    },
    [Symbol.asyncDispose]: () => changing.remove(),
  };
}

function sampleOf(times: readonly number[], wrong: readonly string[], memory: number): Sample {
  return {
    figures: {
      'first request': percentile(times, 0.5),
      slowest: Math.max(...times),
      'waypoint memory': memory,
    },
    errors: wrong.length,
    ...(wrong.length > 0 && { note: wrong.slice(0, 3).join('; ') }),
  };
}

/** The route that changes, among others of its host. */
class ChangingRoute {
  readonly #stage: Stage;
  readonly #place: PathPlace;
  #filled = 0;
  #sent = 0;
  #inForce = 0;

  constructor(stage: Stage, place: PathPlace) {
    this.#stage = stage;
    this.#place = place;
  }

  /** Makes or removes other routes until there are so many. */
  async fill(count: number): Promise<void> {
    const wanted = count / routesPerObject;
    for (; this.#filled < wanted; this.#filled++) await this.#apply(this.#filler(this.#filled));
    while (this.#filled > wanted) await this.#stage.api.delete(this.#filler(--this.#filled));
  }

  async remove(): Promise<void> {
    await this.fill(0);
    if (this.#sent > 0) await this.#stage.api.delete(this.#changing());
  }

  /** Milliseconds from sending a change to the first answer by it. */
  async change(signal: AbortSignal): Promise<number> {
    this.#sent++;
    const start = performance.now();
    await this.#apply(this.#changing());
    const client = new Client(this.#place);
    try {
      do signal.throwIfAborted();
      while ((await client.ask()).body !== String(this.#sent));
    } finally {
      client.destroy();
    }
    this.#inForce = this.#sent;
    return performance.now() - start;
  }

  async changeUnderTraffic({ signal }: Turn): Promise<{ times: number[]; wrong: string[] }> {
    const times: number[] = [];
    const wrong: string[] = [];
    let running = true;
    const client = new Client(this.#place);
    const traffic = async (): Promise<void> => {
      while (running) {
        const least = this.#inForce;
        const { status, body } = await client.ask();
        const version = Number(body);
        if (status === 200 && version >= least && version <= this.#sent) continue;
        wrong.push(`${status} ${body.slice(0, 40)} while ${least} to ${this.#sent} were right`);
      }
    };
    const over = traffic();
    try {
      for (let index = 0; index < changesPerLook; index++) times.push(await this.change(signal));
    } finally {
      running = false;
      await over;
      client.destroy();
    }
    return { times, wrong };
  }

  #apply(object: object): Promise<void> {
    return this.#stage.api.apply(object);
  }

  #changing(): object {
    return this.#virtualService('changing', [answering('/changing', String(this.#sent))]);
  }

  #filler(index: number): object {
    const routes = Array.from({ length: routesPerObject }, (_, route) =>
      answering(`/filler/${index}/${route}`, 'filler'),
    );
    return this.#virtualService(`filler-${index}`, routes);
  }

  #virtualService(name: string, routes: readonly object[]): object {
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace: this.#place.plan.namespace },
      spec: { hosts: ['server'], http: routes },
    };
  }
}

function answering(exact: string, string: string): object {
  return {
    match: [{ uri: { exact } }],
    directResponse: { status: 200, body: { string } },
  };
}

/** One connection, kept alive, made anew when it was closed. */
class Client extends http.Agent {
  readonly #place: PathPlace;

  constructor(place: PathPlace) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#place = place;
  }

  override createConnection(
    _: http.ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { client, serviceAddress: host } = this.#place;
    connectTcp({ host, port: ports.http, namespace: client.namespace }).then(
      (socket) => done(null, socket),
      (error: Error) => done(error, undefined as never),
    );
  }

  async ask(): Promise<{ status: number; body: string }> {
    const headers = { host: 'server' };
    const request = http.request({ agent: this, path: '/changing', headers });
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    request.once('response', resolve).once('error', reject).end();
    const response = await promise;
    return { status: response.statusCode ?? 0, body: await text(response) };
  }
}
