// From a container's spec to what its process needs: command, environment, mounts. What is wrong is told
// as the state and the event that Kubernetes has for it.

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Code } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { containerPrivileges } from './container-privileges.ts';
import type { PodPlace } from './downward.ts';
import { containerEnvironment, expand } from './environment.ts';
import { containerCommand } from './image-table.ts';
import type { LaunchPlan } from './launch-script.ts';
import { planMounts } from './mount-plan.ts';
import { type NodeContext, podFolder } from './node-context.ts';
import { hostnameOf } from './pod-files.ts';
import { type Container, type Pod, podName } from './pod-types.ts';
import type { PodVolumes } from './pod-volumes.ts';

export interface Launch extends LaunchPlan {
  readonly words: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

export type LaunchResult =
  | { readonly kind: 'ok'; readonly launch: Launch }
  /** `reason` is the waiting state's; the error's text is its message. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly error: AmbitError };

/** Plans a container's process. */
export function planLaunch(
  context: NodeContext,
  pod: Pod,
  container: Container,
  place: PodPlace,
  volumes: PodVolumes,
): LaunchResult {
  const { mesh } = context;
  const blocked = (reason: string, code: Code, problem: string, field: string): LaunchResult => {
    const where = { object: `Pod ${podName(pod)}`, field: `spec.${field}` };
    return { kind: 'blocked', reason, error: new AmbitError(code, problem, where) };
  };
  const at = `containers[${container.name}]`;
  const command = containerCommand(container, mesh.images(), mesh.nodePath);
  if (command.kind === 'unknown-image') {
    const problem = `no program stands for image ${command.image}`;
    return blocked('ErrImagePull', 'AMB1112', problem, `${at}.image`);
  }
  const base = new Map(baseEnvironment(context, pod));
  const environment = containerEnvironment(container, pod, place, volumes.reader, base);
  if (environment.kind === 'missing') {
    const { field, problem } = environment;
    return blocked('CreateContainerConfigError', 'AMB1114', problem, field);
  }
  const plan = planMounts(pod, container, { sources: volumes.sources(), kindOf });
  if (plan.kind === 'refused') {
    return blocked('CreateContainerConfigError', 'AMB1113', plan.problem, plan.field);
  }
  const { env } = environment;
  const words = command.words.map((word) => expand(word, env));
  const workingDir = container.workingDir ?? command.folder ?? '/';
  // Folders below /run are the container's own; only it can tell whether they exist.
  if (!workingDir.startsWith('/run/') && kindOf(workingDir) !== 'folder') {
    const problem = `the folder ${workingDir} does not exist`;
    return blocked('CreateContainerError', 'AMB1115', problem, `${at}.workingDir`);
  }
  const program = words[0] ?? '';
  if (!canExecute(program, workingDir, env.get('PATH') ?? '')) {
    const problem = `there is no program ${JSON.stringify(program)}`;
    return blocked('CreateContainerError', 'AMB1115', problem, `${at}.command`);
  }
  const folder = podFolder(context, pod);
  return {
    kind: 'ok',
    launch: {
      words,
      env,
      mounts: plan.mounts,
      resolvConf: path.join(folder, 'resolv.conf'),
      hosts: path.join(folder, 'hosts'),
      ...(pod.spec.hostNetwork === true ? {} : { hostname: hostnameOf(pod) }),
      workingDir,
      ...containerPrivileges(pod, container),
    },
  };
}

function* baseEnvironment({ mesh, node }: NodeContext, pod: Pod): Generator<[string, string]> {
  yield* mesh.baseEnv;
  yield ['HOSTNAME', pod.spec.hostNetwork === true ? node.name : hostnameOf(pod)];
  yield ['KUBERNETES_SERVICE_HOST', mesh.apiAddress.host];
  yield ['KUBERNETES_SERVICE_PORT', String(mesh.apiAddress.port)];
  yield ['KUBERNETES_SERVICE_PORT_HTTPS', String(mesh.apiAddress.port)];
}

/** What is at a path of this machine. */
export function kindOf(file: string): 'file' | 'folder' | 'nothing' {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return 'nothing';
  return stat.isDirectory() ? 'folder' : 'file';
}

function canExecute(program: string, workingDir: string, searchPath: string): boolean {
  if (program.includes('/')) {
    const file = path.resolve(workingDir, program);
    return file.startsWith('/run/') || (existsSync(file) && mayExecute(file));
  }
  return searchPath.split(':').some((folder) => mayExecute(path.join(folder, program)));
}

function mayExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return kindOf(file) === 'file';
  } catch {
    return false;
  }
}
