// How long the CNI plugins hold a new pod up. The programs that the kubelet calls are replaced by scripts
// that call them and note the time; everything else is what a node does for any pod.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isReady, until } from '../../demo/mesh.ts';
import { PluginProgram } from '../../src/cni/install/program.ts';
import { buildPlugin } from '../../tools/build-plugin.ts';
import type { Measurement, Prepared, Sample, Turn } from '../measurement.ts';
import { idlePod } from '../stage/manifests.ts';
import type { Stage } from '../stage/stage.ts';
import { percentile } from '../statistics.ts';

/** Pods started one after the other in a look. */
const podsPerLook = 8;

const base = 'base plugin alone';
const outsideMesh = 'pod outside the mesh';
const inMesh = 'pod in the mesh';
/** The plugin as nodes of a cluster have it, installed as the node agent does. */
const installed = 'pod in the mesh, plugin of a cluster';

export const cniAdd: Measurement = {
  name: 'cni-add',
  summary: `what the CNI chain takes for ${podsPerLook} new pods, one after the other; beside the base plugin, which a node without a mesh has too`,
  metrics: [
    { name: 'chain p50', unit: 'ms', better: 'lower' },
    { name: 'chain p99', unit: 'ms', better: 'lower' },
    { name: 'mesh plugin p50', unit: 'ms', better: 'lower' },
    { name: 'mesh plugin p99', unit: 'ms', better: 'lower' },
    { name: 'mesh plugin, share', unit: '% of the chain', better: 'lower' },
  ],
  paths: [base, outsideMesh, inMesh, installed],
  tools: [],
  needsMesh: true,
  maxRounds: 3,
  warmUp: false,
  prepare,
};

/** One call of a plugin. */
interface Call {
  readonly plugin: string;
  readonly pod: string;
  readonly ms: number;
}

async function prepare(stage: Stage | undefined): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  const types = pluginTypes(stage);
  const log = path.join(stage.stateFolder, 'cni-calls');
  writeFileSync(log, '');
  const programs = path.join(stage.stateFolder, stage.mesh, 'programs');
  for (const type of types) {
    renameSync(path.join(programs, type), path.join(programs, `${type}.timed`));
  }
  const folder = path.join(stage.stateFolder, 'cni-installed');
  mkdirSync(folder);
  const places = { executable: buildPlugin(), mounted: folder, onNode: folder };
  await (await PluginProgram.read(places)).install();
  let made = 0;
  return {
    paths: [base, outsideMesh, inMesh, installed],
    sample: async (variant: string, turn: Turn) => {
      for (const type of types) {
        const own = path.join(programs, `${type}.timed`);
        const isMesh = type === types[1] && variant === installed;
        writeWrapper(path.join(programs, type), isMesh ? path.join(folder, type) : own, log);
      }
      const isMember = variant === inMesh || variant === installed;
      const namespace = `${stage.mesh}-${isMember ? 'ztunnels' : 'direct'}`;
      const names = Array.from({ length: podsPerLook }, () => `cni-${made++}`);
      for (const name of names) await startOne(stage, namespace, name, turn.signal);
      const calls = parseCalls(readFileSync(log, 'utf8'));
      return sampleOf(variant, types, names, calls);
    },
    [Symbol.asyncDispose]: () => {
      for (const type of types) {
        renameSync(path.join(programs, `${type}.timed`), path.join(programs, type));
      }
      rmSync(folder, { recursive: true });
      return Promise.resolve();
    },
  };
}

/** In the order of the chain: the base plugin, then the mesh's. */
function pluginTypes(stage: Stage): readonly string[] {
  const node = path.join(stage.stateFolder, stage.mesh, 'nodes/node1');
  const text = readFileSync(path.join(node, 'etc/cni/net.d/10-ambit.conflist'), 'utf8');
  const { plugins } = JSON.parse(text) as {
    readonly plugins: readonly { readonly type: string }[];
  };
  return plugins.map(({ type }) => type);
}

/** The pod's name is the first word after K8S_POD_NAME= in CNI_ARGS (CNI specification, section 2). */
function writeWrapper(program: string, real: string, log: string): void {
  const type = path.basename(program);
  const lines = [
    '#!/bin/sh',
    'begun=$(date +%s%N)',
    `'${real}' "$@"`,
    'code=$?',
    'ended=$(date +%s%N)',
    `[ "$CNI_COMMAND" = ADD ] && echo "${type} $begun $ended $CNI_ARGS" >> '${log}'`,
    'exit $code',
  ];
  writeFileSync(program, `${lines.join('\n')}\n`);
  chmodSync(program, 0o755);
}

async function startOne(
  stage: Stage,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const pod = idlePod({ namespace }, name, 'node1');
  await stage.api.apply(pod);
  await until(`pod ${name}`, async () => {
    signal.throwIfAborted();
    const pods = await stage.api.pods(namespace);
    return pods.some((one) => one.metadata?.name === name && isReady(one)) ? true : undefined;
  });
  await stage.api.delete(pod);
}

/** Reads the notes of the scripts: plugin, two times in nanoseconds, CNI_ARGS. */
export function parseCalls(text: string): readonly Call[] {
  return text.split('\n').flatMap((line): Call[] => {
    const [plugin, begun, ended, args] = line.split(' ');
    const pod = /(?:^|;)K8S_POD_NAME=([^;]+)/.exec(args ?? '')?.[1];
    if (plugin === undefined || begun === undefined || ended === undefined) return [];
    if (pod === undefined) return [];
    return [{ plugin, pod, ms: Number(BigInt(ended) - BigInt(begun)) / 1e6 }];
  });
}

function sampleOf(
  variant: string,
  [first, second]: readonly string[],
  names: readonly string[],
  calls: readonly Call[],
): Sample {
  const timesOf = (plugin: string | undefined): number[] =>
    names.map(
      (name) => calls.find((call) => call.pod === name && call.plugin === plugin)?.ms ?? Number.NaN,
    );
  const ofBase = timesOf(first);
  const ofMesh = timesOf(second);
  const chain = ofBase.map((ms, index) => (variant === base ? ms : ms + (ofMesh[index] ?? 0)));
  const mesh = {
    'mesh plugin p50': percentile(ofMesh, 0.5),
    'mesh plugin p99': percentile(ofMesh, 0.99),
    'mesh plugin, share': (100 * sum(ofMesh)) / (sum(ofMesh) + sum(ofBase)),
  };
  return {
    figures: {
      'chain p50': percentile(chain, 0.5),
      'chain p99': percentile(chain, 0.99),
      ...(variant !== base && mesh),
    },
    errors: chain.filter((ms) => Number.isNaN(ms)).length,
  };
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, one) => total + one, 0);
}
