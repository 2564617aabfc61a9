// What every part of one node's kubelet works with.

import path from 'node:path';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ObjectStore } from '../api/store.ts';
import type { CniChain } from './cni/chain.ts';
import type { PodPlace } from './downward.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ImageTable } from './image-table.ts';
import type { DnsFacts } from './pod-files.ts';
import type { Pod } from './pod-types.ts';

/** A local node, as the network made it. */
export interface NodeFacts {
  readonly name: string;
  /** The node's own part of the state folder. */
  readonly root: string;
  readonly namespace: NetworkNamespace;
  /** Of `eth0`, IPv4 first. */
  readonly addresses: readonly string[];
  /** In CIDR form, IPv4 first. */
  readonly podRanges: readonly string[];
}

/** Asks for a ServiceAccount token that is bound to a pod. */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty is the API server's own audience. */
  readonly audience: string;
  readonly expirationSeconds: number;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly node: string;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresMs: number;
}

/** What is the same on every node of a mesh. */
export interface MeshContext {
  readonly store: ObjectStore;
  /** @throws when the ServiceAccount does not exist */
  readonly issueToken: (request: TokenRequest) => Promise<IssuedToken>;
  readonly images: () => ImageTable;
  /** The API server's certificate authority, PEM. */
  readonly clusterCa: string;
  /** Where pods find the API server. */
  readonly apiAddress: { readonly host: string; readonly port: number };
  readonly dns: DnsFacts;
  /** What every container gets unless it says otherwise: PATH, HOME. */
  readonly baseEnv: ReadonlyMap<string, string>;
  /** The Node that `node` means in a command. */
  readonly nodePath: string;
  /** Holds the logs of pods. */
  readonly logsFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface NodeContext {
  readonly mesh: MeshContext;
  readonly node: NodeFacts;
  /** Why pods of a namespace cannot be attached to the network yet; undefined when they can. */
  readonly networkProblem: (namespace: string) => string | undefined;
  readonly chain: CniChain;
  readonly events: EventRecorder;
  readonly allocatable: PodPlace['allocatable'];
}

/** The folder of a pod's volumes and files. */
export function podFolder(context: NodeContext, pod: Pod): string {
  return path.join(context.node.root, 'pods', pod.metadata.uid);
}

/** The folder of a pod's logs. */
export function podLogFolder(mesh: MeshContext, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return path.join(mesh.logsFolder, 'pods', `${namespace}_${name}_${uid}`);
}

/** The log of one run of a container. */
export function containerLogFile(
  mesh: MeshContext,
  pod: Pod,
  container: string,
  restartCount: number,
): string {
  return path.join(podLogFolder(mesh, pod), container, `${restartCount}.log`);
}
