// The mesh that is measured: brought up for the run, with the objects of each path, and taken down with
// everything that was made, also after a failure.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ambit, isReady, MeshApi, type PodView, root, until } from '../../demo/mesh.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import type { TrafficPath } from '../names.ts';
import { objectsOf, type PathPlan } from './manifests.ts';

/** Objects sent to the API server at once. */
const applyWidth = 8;

export interface StageOptions {
  readonly paths: readonly TrafficPath[];
  /** An outside node proxy, absolute. */
  readonly outsideProxy: string | undefined;
  readonly withIperf: boolean;
  readonly withColdPeers: boolean;
  readonly say: (line: string) => void;
}

interface ContainerStatus {
  readonly name?: string;
  /** `ambit://` and the process in laptop mode. */
  readonly containerID?: string;
  readonly restartCount: number;
}

interface Container {
  readonly name: string;
  readonly image?: string;
}

/** A pod with what its containers run. */
interface BenchPod extends PodView {
  readonly spec: PodView['spec'] & { readonly containers?: readonly Container[] };
  readonly status?: Omit<NonNullable<PodView['status']>, 'containerStatuses'> & {
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** A pod's network and address, for traffic from inside it. */
export interface Inside {
  readonly name: string;
  readonly address: string;
  readonly namespace: NetworkNamespace;
}

/** What traffic of a path needs. */
export interface PathPlace {
  readonly plan: PathPlan;
  readonly client: Inside;
  readonly server: Inside;
  /** The address of the service in front of the server. */
  readonly serviceAddress: string;
}

/** A running mesh with the objects of all paths. */
export class Stage implements AsyncDisposable {
  readonly api: MeshApi;
  readonly stateFolder: string;
  readonly mesh: string;
  readonly plans: readonly PathPlan[];
  readonly #cleanup: AsyncDisposableStack;
  readonly #places = new Map<TrafficPath, PathPlace>();

  private constructor(
    at: { readonly api: MeshApi; readonly stateFolder: string; readonly mesh: string },
    plans: readonly PathPlan[],
    cleanup: AsyncDisposableStack,
  ) {
    this.api = at.api;
    this.stateFolder = at.stateFolder;
    this.mesh = at.mesh;
    this.plans = plans;
    this.#cleanup = cleanup;
  }

  /** Brings the mesh up. @throws AmbitError AMB1830 when it does not come up */
  static async open(options: StageOptions): Promise<Stage> {
    await using cleanup = new AsyncDisposableStack();
    const stateFolder = mkdtempSync(path.join(os.tmpdir(), 'ambit-bench-'));
    cleanup.defer(() => rmSync(stateFolder, { recursive: true, force: true }));
    const mesh = `bench${process.pid}`;
    const env = { ...process.env, AMBIT_STATE_DIR: stateFolder };
    cleanup.defer(async () => void (await ambit(['down', '--name', mesh], env)));
    const nodes = options.outsideProxy === undefined ? 2 : 4;
    const image = imageFlag(options.outsideProxy, stateFolder);
    const up = await ambit(
      ['up', '--name', mesh, '--nodes', `${nodes}`, '--detach', ...image],
      env,
    );
    if (up.code !== 0) {
      throw new AmbitError('AMB1830', up.stderr.trim() || up.stdout.trim());
    }
    const api = new MeshApi(path.join(stateFolder, mesh, 'kubeconfig'));
    const plans = options.paths.map((trafficPath) => planOf(trafficPath, mesh, options));
    const stage = new Stage({ api, stateFolder, mesh }, plans, cleanup.move());
    try {
      options.say(`mesh ${mesh} is up; making the pods of ${options.paths.join(', ')}`);
      await stage.#furnish();
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw new AmbitError('AMB1830', 'the pods of the benchmark did not come up', {
        cause: error,
      });
    }
    return stage;
  }

  /** The place of a path. @throws AmbitError AMB1005 for a path that was not asked for */
  place(trafficPath: TrafficPath): PathPlace {
    const place = this.#places.get(trafficPath);
    if (place === undefined) throw new AmbitError('AMB1005', `no path ${trafficPath} in this run`);
    return place;
  }

  /** The process of a container, found by the image it runs, never by its place in the pod.
   * @throws AmbitError AMB1830 when there is none */
  async processOf(image: string, at: { node?: string; namespace?: string } = {}): Promise<number> {
    const pods = (await this.api.pods(at.namespace ?? 'istio-system')) as readonly BenchPod[];
    for (const pod of pods) {
      if (at.node !== undefined && pod.spec.nodeName !== at.node) continue;
      const container = pod.spec.containers?.find((one) => one.image?.split(':')[0] === image);
      const status = pod.status?.containerStatuses?.find(({ name }) => name === container?.name);
      const pid = /:\/\/(\d+)$/.exec(status?.containerID ?? '')?.[1];
      if (container !== undefined && pid !== undefined) return Number(pid);
    }
    throw new AmbitError(
      'AMB1830',
      `no container of image ${image} runs on ${at.node ?? 'a node'}`,
    );
  }

  /** The pods of a path's namespace that have begun, entered by name. */
  async inside(namespace: string, name: string): Promise<Inside> {
    const pods = (await this.api.pods(namespace)) as readonly BenchPod[];
    const pod = pods.find(({ metadata }) => metadata?.name === name);
    const id = pod?.status?.containerStatuses?.[0]?.containerID;
    const pid = /:\/\/(\d+)$/.exec(id ?? '')?.[1];
    const address = pod?.status?.podIP;
    if (pid === undefined || address === undefined) {
      throw new AmbitError('AMB1830', 'it does not run', { object: `Pod ${namespace}/${name}` });
    }
    const opened = NetworkNamespace.open(`/proc/${pid}/ns/net`);
    this.#cleanup.use(opened);
    return { name, address, namespace: opened };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  async #furnish(): Promise<void> {
    const objects = this.plans.flatMap(objectsOf);
    const order = ['Namespace', 'ServiceAccount', 'Service', 'Gateway', 'Pod'];
    for (const kind of order) {
      const ofKind = objects.filter((object) => object.kind === kind);
      for (let start = 0; start < ofKind.length; start += applyWidth) {
        const chunk = ofKind.slice(start, start + applyWidth);
        await Promise.all(chunk.map((object) => this.api.apply(object)));
      }
    }
    for (const plan of this.plans) {
      const count = objects.filter(
        ({ kind, metadata }) => kind === 'Pod' && metadata?.namespace === plan.namespace,
      ).length;
      await this.podsReady(plan, count + (plan.path === 'waypoint' ? 1 : 0));
      this.#places.set(plan.path, await this.#placeOf(plan));
    }
  }

  /** Waits until a namespace has so many pods, all ready and, in the mesh, enrolled. */
  async podsReady(plan: PathPlan, count: number): Promise<void> {
    await until(`${count} ready pods in ${plan.namespace}`, async () => {
      const pods = await this.api.pods(plan.namespace);
      const done = pods.filter(
        (pod) => isReady(pod) && (plan.path === 'direct' || isEnrolled(pod)),
      );
      return done.length >= count ? true : undefined;
    });
  }

  async #placeOf(plan: PathPlan): Promise<PathPlace> {
    const service = await this.api.read('v1', 'Service', 'server', plan.namespace);
    const { spec } = service as { readonly spec?: { readonly clusterIP?: string } };
    return {
      plan,
      client: await this.inside(plan.namespace, 'client'),
      server: await this.inside(plan.namespace, 'server'),
      serviceAddress: spec?.clusterIP ?? '',
    };
  }
}

function isEnrolled({ metadata }: PodView): boolean {
  if (metadata?.labels?.['gateway.networking.k8s.io/gateway-name'] !== undefined) return true;
  return metadata?.annotations?.['ambient.istio.io/redirection'] === 'enabled';
}

function planOf(trafficPath: TrafficPath, mesh: string, options: StageOptions): PathPlan {
  const outside = trafficPath === 'outside';
  return {
    path: trafficPath,
    namespace: `${mesh}-${trafficPath}`,
    clientNode: outside ? 'node3' : 'node1',
    serverNode: outside ? 'node4' : 'node2',
    withIperf: options.withIperf,
    withColdPeers: options.withColdPeers && trafficPath !== 'waypoint',
  };
}

/** The outside proxy serves node3 and node4, ours the others; both get what the DaemonSet says. */
function imageFlag(outsideProxy: string | undefined, folder: string): readonly string[] {
  if (outsideProxy === undefined) return [];
  const script = path.join(folder, 'node-proxy.sh');
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const own = [process.execPath, path.join(root, 'src/ztunnel/main.ts')].map(quoted).join(' ');
  const lines = [
    '#!/bin/sh',
    'cd /', // a stock ztunnel looks for ./var/run/secrets/istio/root-cert.pem
    'case "$NODE_NAME" in',
    `  node3|node4) exec ${quoted(outsideProxy)} proxy ztunnel ;;`,
    `  *) exec ${own} ;;`,
    'esac',
  ];
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  return ['--image', `ambit/ztunnel=${script}`];
}
