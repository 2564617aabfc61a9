// The node's parts of the mesh as containers of their own images, with everything that the manifests say.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import type { Machine, Program } from './machine.ts';
import { containerOf, namespacesOf, templateOf } from './manifest-pod.ts';
import { meshImage } from './mesh-images.ts';
import {
  apiPort,
  nodeAddress,
  nodeName,
  secretsFolder,
  systemNamespace,
  writeSecrets,
} from './mesh-programs.ts';
import type { Runtime } from './runtime.ts';

/** Where the pods run. */
export interface PodPlace {
  readonly folder: string;
  readonly machine: Machine;
  readonly runtime: Runtime;
  readonly api: ApiServer;
}

/** Grace of a pod's end, seconds. */
const graceSeconds = 30;

/** Runs the pod of a DaemonSet on the node. @param attempt tells pods of one set apart */
export async function startMeshPod(
  place: PodPlace,
  set: ApiObject,
  part: 'node-agent' | 'ztunnel',
  attempt: number,
): Promise<Program> {
  const { folder, machine, runtime, api } = place;
  const template = templateOf(set);
  const account = template.spec.serviceAccountName;
  const name = `${set.metadata.name}-${attempt}`;
  const pod = api.store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: systemNamespace, labels: { ...template.metadata.labels } },
    spec: { ...template.spec, nodeName },
  });
  writeSecrets(machine, api, account, pod);
  const uid = pod.metadata.uid ?? '';
  const config = {
    metadata: { name, uid, namespace: systemNamespace },
    // With the node's network comes its name.
    ...(template.spec.hostNetwork !== true && { hostname: name }),
    logDirectory: path.join(folder, 'logs', uid),
    linux: {
      cgroupParent: `/${machine.cgroup}`,
      securityContext: { namespaceOptions: namespacesOf(template) },
    },
  };
  const { podSandboxId } = await runtime.call('RunPodSandbox', { config });
  const { status } = (await runtime.call('PodSandboxStatus', { podSandboxId })) as {
    status: { network?: { ip?: string } };
  };
  const address = status.network?.ip || nodeAddress;
  writeFileSync(machine.path('/run/hosts'), `${nodeAddress} istiod.istio-system.svc\n`);
  const container = containerOf(template, {
    image: meshImage(part),
    fields: {
      'metadata.name': name,
      'metadata.namespace': systemNamespace,
      'spec.nodeName': nodeName,
      'spec.serviceAccountName': account,
      'status.podIP': address,
    },
    // The machine shares its files with others, so these folders are elsewhere.
    hostPath: (file) => (/^\/(opt|etc)\/cni\//.test(file) ? path.join(folder, file) : file),
    filled: {
      'root-certificate': path.join(secretsFolder, account),
      'mesh-token': path.join(secretsFolder, account),
    },
    mounts: {
      '/var/run/secrets/kubernetes.io/serviceaccount': path.join(secretsFolder, account),
      '/etc/hosts': '/run/hosts',
    },
    env: {
      KUBERNETES_SERVICE_HOST: nodeAddress,
      KUBERNETES_SERVICE_PORT: String(apiPort),
      ...(part === 'node-agent' && { CNI_BIN_DIR: runtime.folders.plugins }),
    },
  });
  const created = { podSandboxId, sandboxConfig: config, config: container };
  const { containerId } = await runtime.call('CreateContainer', created);
  await runtime.call('StartContainer', { containerId });
  const running = { phase: 'Running', podIP: address, podIPs: [{ ip: address }] };
  api.store.mergePatch('pods', systemNamespace, name, { status: running }, 'status');
  return {
    output: () => textOf(path.join(folder, 'logs', uid, 'main.log')),
    end: async (signal) => {
      const timeout = signal === 'SIGKILL' ? 0 : graceSeconds;
      await runtime.call('StopContainer', { containerId, timeout });
      await runtime.call('StopPodSandbox', { podSandboxId });
      await runtime.call('RemovePodSandbox', { podSandboxId });
      api.store.delete('pods', systemNamespace, name, { gracePeriodSeconds: 0 });
    },
  };
}

/** What a container wrote: after time, stream and whether the line is whole. */
export function textOf(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    return lines.map((line) => line.split(' ').slice(3).join(' ')).join('\n');
  } catch {
    return ''; // nothing yet
  }
}
