// The volumes of one pod on disk: made before its containers start, kept equal to the objects they show,
// with tokens renewed before they expire.

import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { ApiObject } from '../api/store.ts';
import { writeFolder } from './atomic-folder.ts';
import type { PodPlace } from './downward.ts';
import type { ObjectReader } from './environment.ts';
import { hostPathOnNode, podVolumes } from './mount-plan.ts';
import { type IssuedToken, type NodeContext, podFolder } from './node-context.ts';
import { type Pod, podName, type Volume } from './pod-types.ts';
import {
  showsObjects,
  type TokenWish,
  tokenWishes,
  type VolumeFile,
  volumeContent,
} from './volume-content.ts';

/** The share of a token's life after which it is renewed, as a kubelet has it. */
const renewalShare = 0.8;
/** How long after a failed renewal the next is tried. */
const renewalRetryMs = 5_000;
const rootCaName = 'kube-root-ca.crt';

interface HeldToken extends IssuedToken {
  readonly renewMs: number;
}

/** The volumes of one pod. */
export class PodVolumes {
  readonly #context: NodeContext;
  readonly #tokens = new Map<string, HeldToken>();
  /** What each volume shows now, to leave unchanged ones alone. */
  readonly #shown = new Map<string, string>();
  #pod: Pod;
  #place: PodPlace;

  constructor(context: NodeContext, pod: Pod, place: PodPlace) {
    this.#context = context;
    this.#pod = pod;
    this.#place = place;
  }

  /** Makes every volume. @throws AmbitError AMB1113 or AMB1114 while something is missing */
  async prepare(): Promise<void> {
    await this.#renewTokens();
    for (const volume of podVolumes(this.#pod)) {
      if (showsObjects(volume)) this.#show(volume);
      else this.#makeFolder(volume);
    }
  }

  /** Follows a new version of the pod or of an object that a volume shows. What is missing now keeps
   * its last content, as with a kubelet. */
  refresh(pod: Pod, place: PodPlace): void {
    this.#pod = pod;
    this.#place = place;
    for (const volume of podVolumes(pod).filter(showsObjects)) {
      try {
        this.#show(volume);
      } catch (error) {
        this.#context.mesh.log.debug(
          { pod: podName(pod), volume: volume.name, error: causeChain(error) },
          'a volume keeps its last content',
        );
      }
    }
  }

  /** Renews tokens before they expire, until the signal fires. */
  async keepTokensFresh(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#context.mesh;
    while (!signal.aborted && this.#tokens.size > 0) {
      const next = Math.min(...[...this.#tokens.values()].map(({ renewMs }) => renewMs));
      try {
        await clock.wait(Math.max(0, next - clock.now()), signal);
        await this.#renewTokens();
        this.refresh(this.#pod, this.#place);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ pod: podName(this.#pod), error: causeChain(error) }, 'a token was not renewed');
        await clock.wait(renewalRetryMs, signal).catch(() => undefined); // ended by the loop's test
      }
    }
  }

  /** Where each volume is on this machine. */
  sources(): ReadonlyMap<string, string> {
    return new Map(
      podVolumes(this.#pod).map((volume) => [volume.name, this.#sourceOf(volume)] as const),
    );
  }

  /** Reads objects of the pod's namespace; the cluster's root certificate is always there. */
  readonly reader: ObjectReader = (kind, name) => {
    const { store, clusterCa } = this.#context.mesh;
    const { namespace } = this.#pod.metadata;
    const found = store.get(kind, namespace, name);
    if (found !== undefined || kind !== 'configmaps' || name !== rootCaName) return found;
    const metadata: ApiObject['metadata'] = { name, namespace };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': clusterCa } };
  };

  #sourceOf(volume: Volume): string {
    if (volume.hostPath !== undefined) {
      return hostPathOnNode(this.#context.node.root, volume.hostPath.path);
    }
    return path.join(podFolder(this.#context, this.#pod), 'volumes', volume.name);
  }

  #show(volume: Volume): void {
    const content = volumeContent(volume, {
      pod: this.#pod,
      place: this.#place,
      read: this.reader,
      token: (wish) => this.#tokens.get(wishKey(wish))?.token,
    });
    if (content.kind === 'missing') {
      throw new AmbitError('AMB1114', content.problem, {
        object: `Pod ${podName(this.#pod)}`,
        field: `spec.${content.field}`,
      });
    }
    const shown = fingerprint(content.files);
    if (this.#shown.get(volume.name) === shown) return;
    writeFolder(this.#sourceOf(volume), content.files);
    this.#shown.set(volume.name, shown);
  }

  #makeFolder(volume: Volume): void {
    const source = this.#sourceOf(volume);
    const type = volume.hostPath?.type ?? '';
    const ofNode = source.startsWith(`${this.#context.node.root}/`);
    if (volume.emptyDir !== undefined || (ofNode && !type.startsWith('File'))) {
      mkdirSync(source, { recursive: true });
      return;
    }
    if (type === 'DirectoryOrCreate') mkdirSync(source, { recursive: true });
    if (existsSync(source) && (type !== 'Directory' || statSync(source).isDirectory())) return;
    throw new AmbitError('AMB1113', `${source} does not exist on this machine`, {
      object: `Pod ${podName(this.#pod)}`,
      field: `spec.volumes[${volume.name}]`,
    });
  }

  async #renewTokens(): Promise<void> {
    const { mesh, node } = this.#context;
    const { namespace, name, uid } = this.#pod.metadata;
    const now = mesh.clock.now();
    for (const wish of podVolumes(this.#pod).flatMap(tokenWishes)) {
      const held = this.#tokens.get(wishKey(wish));
      if (held !== undefined && held.renewMs > now) continue;
      const serviceAccount = this.#pod.spec.serviceAccountName ?? 'default';
      const owner = { namespace, serviceAccount, pod: { name, uid }, node: node.name };
      const issued = await mesh.issueToken({ ...wish, ...owner });
      const renewMs = now + (issued.expiresMs - now) * renewalShare;
      this.#tokens.set(wishKey(wish), { ...issued, renewMs });
    }
  }

  /** Removes the pod's files; hostPaths stay. */
  remove(): void {
    rmSync(podFolder(this.#context, this.#pod), { recursive: true, force: true });
  }
}

function wishKey({ audience, expirationSeconds }: TokenWish): string {
  return `${audience}\n${expirationSeconds}`;
}

function fingerprint(files: ReadonlyMap<string, VolumeFile>): string {
  return JSON.stringify(
    [...files].map(([name, { bytes, mode }]) => [name, mode, bytes.toString('base64')]),
  );
}
