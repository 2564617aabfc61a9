// What a platform engineer does on a cluster, step by step, each proven by what kubectl, our command line and the
// log of an application show: install, label, mutual TLS seen, policy, waypoint, route, upgrade, uninstall.

import assert from 'node:assert/strict';
import { denied, manifests, namespace, route } from './application.ts';
import type { Programs } from './programs.ts';

/** What differs from cluster to cluster. */
export interface Settings {
  /** Image of the application; has a program `node`. */
  readonly applicationImage: string;
  /** More words for `ambit install` and `upgrade`, such as `--set global.hub=...`. */
  readonly installWords: string;
  /** For one step; pulling images takes its time. */
  readonly seconds: number;
}

export interface Step {
  readonly title: string;
  readonly run: (programs: Programs, settings: Settings) => Promise<void>;
}

/** The last answers that are looked at: as many as the client asks for in about a second. */
const recent = 4;

/** The steps in their order. With `applicationFirst` the application is there before the mesh; local nodes
 * start no pod while the mesh that they wait for is not there. */
export function story(applicationFirst: boolean): readonly Step[] {
  const start = [application, installation];
  return [...(applicationFirst ? start : start.toReversed()), ...rest];
}

const application: Step = {
  title: 'the application answers outside the mesh',
  async run(programs, { applicationImage, seconds }) {
    await programs.kubectl('apply -f -', manifests(applicationImage));
    await rolledOut(programs, seconds);
    await answers(programs, seconds, (word) => word === 'v1' || word === 'v2');
  },
};

const installation: Step = {
  title: 'the cluster is checked, and the mesh installed',
  async run(programs, { installWords, seconds }) {
    const check = await programs.ambit('check --pre');
    assert.ok(check.code <= 1, check.stderr);
    await programs.ambitWell(`install -y --readiness-timeout ${seconds}s${installWords}`);
    await programs.until('ambit status', seconds, async () => {
      const { code, stdout } = await programs.ambit('status -i istio-system');
      return code === 0 ? stdout : undefined;
    });
  },
};

const rest: readonly Step[] = [
  {
    title: 'the namespace is enrolled with nothing restarted',
    async run(programs, { seconds }) {
      const before = await processes(programs);
      const checked = await programs.ambit(`enroll ${namespace} --check`);
      assert.doesNotMatch(checked.stdout, /^breaks/m);
      const told = await programs.ambitWell(`enroll ${namespace} --timeout ${seconds}s`);
      assert.equal(told.match(/ joined$/gm)?.length, 3, told);
      assert.deepEqual(await processes(programs), before);
      await answers(programs, seconds, (word) => word.startsWith('v'));
    },
  },
  {
    title: 'the traffic goes through tunnels, with the identity of the client',
    async run(programs, { seconds }) {
      await programs.until('a tunnel from client to server', seconds, async () => {
        const { stdout } = await programs.ambit(
          `why ${namespace}/client ${namespace}/server --json`,
        );
        const seen =
          stdout.includes('"transport": "tunnel"') && stdout.includes(`/ns/${namespace}/sa/client`);
        return seen || undefined;
      });
      const workloads = await programs.ambitWell(
        `ztunnel-config workload --workload-namespace ${namespace}`,
      );
      assert.equal(workloads.match(/ HBONE$/gm)?.length, 3, workloads);
      assert.match(await programs.ambitWell('proxy-status'), /ztunnel/);
    },
  },
  {
    title: 'a policy denies the client, and is named',
    async run(programs, { seconds }) {
      await programs.kubectl('apply -f -', denied);
      await answers(programs, seconds, (word) => !word.startsWith('v'));
      await programs.until('why to name the policy', seconds, async () => {
        const { stdout } = await programs.ambit(`why ${namespace}/client ${namespace}/server`);
        return stdout.includes(`${namespace}/no-client`) || undefined;
      });
      await programs.kubectl(`delete authorizationpolicy no-client -n ${namespace}`);
      await answers(programs, seconds, (word) => word.startsWith('v'));
    },
  },
  {
    title: 'a waypoint routes requests',
    async run(programs, { seconds }) {
      await programs.ambitWell(
        `waypoint apply -n ${namespace} --enroll-namespace --wait --waypoint-timeout ${seconds}s`,
      );
      assert.match(await programs.ambitWell(`waypoint list -n ${namespace}`), /waypoint .* True/);
      await programs.kubectl('apply -f -', route);
      await answers(programs, seconds, (word) => word === 'v2');
    },
  },
  {
    title: 'an upgrade restarts no pod of the application, and its traffic goes on',
    async run(programs, { installWords, seconds }) {
      const before = await processes(programs);
      await programs.ambitWell(`upgrade -y --readiness-timeout ${seconds}s${installWords}`);
      assert.deepEqual(await processes(programs), before);
      await answers(programs, seconds, (word) => word === 'v2');
    },
  },
  {
    title: 'the mesh is uninstalled, the application runs on, and nothing of the mesh is left',
    async run(programs, { seconds }) {
      const before = await processes(programs);
      await programs.ambitWell(`waypoint delete --all -n ${namespace}`);
      await programs.kubectl(`label namespace ${namespace} istio.io/use-waypoint-`);
      await programs.ambitWell(`uninstall -y --timeout ${seconds}s`);
      assert.deepEqual(await processes(programs), before);
      await answers(programs, seconds, (word) => word.startsWith('v'));
      for (const kinds of [
        'deployments,daemonsets,services -n istio-system',
        'clusterroles,clusterrolebindings,validatingwebhookconfigurations',
      ]) {
        const left = await programs.kubectl(
          `get ${kinds} -l app.kubernetes.io/part-of=ambit -o name`,
        );
        assert.equal(left, '');
      }
    },
  },
];

/** Takes away what the suite made, as far as it is there, whatever happened. */
export async function cleanUp(programs: Programs, { seconds }: Settings): Promise<void> {
  await programs.kubectl(`delete namespace ${namespace} --ignore-not-found --wait=false`);
  await programs.ambit(`uninstall -y --timeout ${seconds}s`);
}

async function rolledOut(programs: Programs, seconds: number): Promise<void> {
  for (const name of ['server-v1', 'server-v2', 'client']) {
    await programs.kubectl(
      `rollout status deployment/${name} -n ${namespace} --timeout ${seconds}s`,
    );
  }
}

/** Waits until the client's last answers are all of a kind. */
async function answers(
  programs: Programs,
  seconds: number,
  isWanted: (word: string) => boolean,
): Promise<void> {
  let seen: readonly string[] = [];
  try {
    await programs.until('the answers that are wanted', seconds, async () => {
      const log = await programs.kubectl(`logs deploy/client -n ${namespace} --tail ${recent}`);
      seen = log.trim().split('\n');
      return (seen.length === recent && seen.every(isWanted)) || undefined;
    });
  } catch (cause) {
    throw new Error(`the client's last answers are ${seen.join(', ')}`, { cause });
  }
}

interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
    readonly status: {
      readonly containerStatuses?: readonly {
        readonly containerID: string;
        readonly restartCount: number;
      }[];
    };
  }[];
}

/** The application's containers, which tell when one of them was started anew. */
async function processes(programs: Programs): Promise<readonly string[]> {
  const { items } = await programs.read<PodList>(`get pods -n ${namespace} -l app`);
  return items
    .flatMap(({ metadata, status }) =>
      (status.containerStatuses ?? []).map(
        ({ containerID, restartCount }) => `${metadata.name} ${containerID} ${restartCount}`,
      ),
    )
    .toSorted();
}
