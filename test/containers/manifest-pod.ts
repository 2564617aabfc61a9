// A pod of a DaemonSet of the manifests, in the form in which a kubelet hands it to the runtime.

import type { ApiObject } from '../../src/standalone/api/store.ts';
import type { Message } from './runtime-messages.ts';

interface Source {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
}

interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

interface Container {
  readonly name: string;
  readonly env?: readonly Source[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
    readonly mountPropagation?: string;
  }[];
  readonly securityContext?: SecurityContext;
}

export interface PodTemplate {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly hostNetwork?: boolean;
    readonly volumes?: readonly Volume[];
    readonly containers: readonly [Container];
  };
}

/** What the manifest leaves open. */
export interface Surroundings {
  readonly image: string;
  /** The pod's fields, by path. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where a folder of the host is, as far as it is not where the manifest says. */
  readonly hostPath: (path: string) => string;
  /** Folders of volumes that a kubelet fills, by the volume's name. */
  readonly filled: Readonly<Record<string, string>>;
  /** More to mount: by the path in the container, the path on the host. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/** `NODE` of the runtime interface. */
const nodeNamespace = 2;
const containerNamespace = 1;

export function templateOf(set: ApiObject): PodTemplate {
  return (set['spec'] as { template: PodTemplate }).template;
}

/** The namespaces of a pod: its own network unless it has the node's. */
export function namespacesOf({ spec }: PodTemplate): Message {
  const network = spec.hostNetwork === true ? { network: nodeNamespace } : {};
  return { ...network, pid: containerNamespace };
}

/** The container, with everything that the manifest says of it. */
export function containerOf(template: PodTemplate, around: Surroundings): Message {
  const [container] = template.spec.containers;
  const security = container.securityContext ?? {};
  const value = (source: Source): string =>
    source.value ?? around.fields[source.valueFrom?.fieldRef?.fieldPath ?? ''] ?? '';
  const named = (container.env ?? []).map((source) => [source.name, value(source)] as const);
  const env = { ...Object.fromEntries(named), ...around.env };
  return {
    metadata: { name: container.name },
    image: { image: around.image },
    envs: Object.entries(env).map(([key, text]) => ({ key, value: text })),
    mounts: mountsOf(template, around),
    logPath: 'main.log',
    linux: {
      securityContext: {
        capabilities: {
          add: security.capabilities?.add ?? [],
          drop: security.capabilities?.drop ?? [],
        },
        namespaceOptions: namespacesOf(template),
        runAsUser: { value: security.runAsUser ?? 0 },
        runAsGroup: { value: security.runAsGroup ?? 0 },
        readonlyRootfs: security.readOnlyRootFilesystem ?? false,
        noNewPrivileges: security.allowPrivilegeEscalation === false,
        // RuntimeDefault, as the manifests have it.
        seccomp: { profileType: 0 },
      },
    },
  };
}

function mountsOf(template: PodTemplate, around: Surroundings): Message[] {
  const volumes = new Map((template.spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const own = (template.spec.containers[0].volumeMounts ?? []).map((mount) => {
    const host = volumes.get(mount.name)?.hostPath?.path;
    const source = host === undefined ? around.filled[mount.name] : around.hostPath(host);
    if (source === undefined) throw new Error(`nothing fills the volume ${mount.name}`);
    return {
      containerPath: mount.mountPath,
      hostPath: source,
      readonly: mount.readOnly ?? false,
      propagation: mount.mountPropagation === 'HostToContainer' ? 1 : 0,
    };
  });
  const more = Object.entries(around.mounts).map(([containerPath, hostPath]) => ({
    containerPath,
    hostPath,
    readonly: true,
    propagation: 0,
  }));
  return [...own, ...more];
}
