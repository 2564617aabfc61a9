// Everything the node proxy does for one pod: its listeners, started and ended together, and the
// connections on them.

import type { Socket } from 'node:net';
import type { WorkloadCertificate } from '../../dataplane/certificates/workload-certificate.ts';
import { TunnelServer } from '../../dataplane/tunnel/tunnel-server.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { Endpoint } from '../../mesh/address.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { DnsParts } from '../dns/dns-parts.ts';
import { PodNameServer } from '../dns/pod-name-server.ts';
import { PodNames } from '../dns/pod-names.ts';
import type { ServedPod } from '../pods/pod-set.ts';
import { listenInPod, type PodListener } from '../pods/pod-sockets.ts';
import { ConnectionRecord, newTraceId, partyOf } from './connection-record.ts';
import { serveTunnelRequest } from './inbound.ts';
import { serveOutbound } from './outbound.ts';
import { servePassthrough } from './passthrough.ts';
import { type Pod, type PodContext, type ProxyParts, workloadPatienceMs } from './proxy-parts.ts';

/** Where the kernel sends a pod's traffic, and where tunnels arrive (protocol section 1.1). */
const ports = { outbound: 15_001, passthrough: 15_006, tunnel: 15_008 } as const;

/** The proxy of one pod. Owns the namespace. */
export class PodProxy implements ServedPod {
  readonly pod: Pod;
  readonly #parts: ProxyParts;
  readonly #network: NetworkNamespace;
  readonly #context: PodContext;
  readonly #end = new AbortController();
  readonly #tunnels: TunnelServer;
  readonly #listeners: PodListener[] = [];
  readonly #names: PodNameServer | undefined;
  /** Connections being served. */
  readonly #stories = new Set<Promise<void>>();

  /** Opens the listeners; none stays open if one fails. @throws AmbitError AMB1418 */
  constructor(parts: ProxyParts, pod: Pod, network: NetworkNamespace) {
    this.pod = pod;
    this.#parts = parts;
    this.#network = network;
    this.#context = { pod, network, end: this.#end.signal };
    this.#tunnels = new TunnelServer({
      certificate: () => this.#certificate(),
      onRequest: (request) => this.#serve(serveTunnelRequest(parts, this.#context, request)),
      check: parts.peerCheck,
      onRefusedPeer: (peer, local, error) => this.#recordRefusedPeer(peer, local, error),
      clock: parts.clock,
      log: parts.log,
    });
    try {
      this.#listen(ports.outbound, (socket) => serveOutbound(parts, this.#context, socket));
      this.#listen(ports.passthrough, (socket) => servePassthrough(parts, this.#context, socket));
      this.#open(ports.tunnel, (socket) => this.#tunnels.accept(socket));
      this.#names = parts.dns && this.#answerNames(parts.dns);
    } catch (error) {
      for (const listener of this.#listeners) listener.close();
      throw error;
    }
  }

  /** The namespace's identity, by which a pod that was made anew is told from the old one. */
  get networkId(): string {
    return this.#network.id;
  }

  get connections(): number {
    return this.#stories.size;
  }

  #listen(port: number, serve: (socket: Socket) => Promise<void>): void {
    this.#open(port, (socket) => this.#serve(serve(socket)));
  }

  #open(port: number, onSocket: (socket: Socket) => void): void {
    this.#listeners.push(listenInPod(this.#network, port, onSocket, this.#parts.log));
  }

  #answerNames(dns: DnsParts): PodNameServer {
    const names = new PodNames(this.#parts, dns, this.#context);
    const { hosts, port, log } = dns;
    return new PodNameServer({ network: this.#network, hosts, port, names, log });
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    if (this.#names !== undefined) this.#serve(this.#names.close());
  }

  #serve(story: Promise<void>): void {
    const told = story.catch((error: unknown) => {
      this.#parts.log.error({ code: 'AMB1005', error: causeChain(error) }, 'a connection failed');
    });
    this.#stories.add(told);
    void told.then(() => this.#stories.delete(told));
  }

  async #certificate(): Promise<WorkloadCertificate> {
    const { state, clock, certificates } = this.#parts;
    const limit = { timeoutMs: workloadPatienceMs, clock, signal: this.#end.signal };
    const workload = await state.waitFor(() => state.workloadOfPod(this.pod), limit);
    if (workload !== undefined) return await certificates.get(identityOfWorkload(workload));
    const { namespace, name } = this.pod;
    throw new AmbitError('AMB1416', `nothing known of pod ${namespace}/${name}`);
  }

  /** A peer that never got to ask for anything still leaves a record. */
  #recordRefusedPeer(peer: Endpoint, local: Endpoint, error: AmbitError): void {
    const { state, network, refusals } = this.#parts;
    refusals.add({ code: error.code });
    const source = state.workloadByAddress(network, peer.address);
    const workload = state.workloadOfPod(this.pod);
    const record = new ConnectionRecord(this.#parts, {
      direction: 'inbound',
      traceId: newTraceId(),
      source: partyOf(peer, { ...(source && { workload: source }) }),
      destination: partyOf(local, { ...(workload && { workload }) }),
      transport: 'tunnel',
    });
    record.end({ outcome: 'denied', code: error.code, reason: causeChain(error) });
  }

  /** Leaves new connections to a successor, if there is one, and lets open ones finish until the
   * deadline. Peers are told to go elsewhere only when elsewhere is where they would get. */
  async drain(deadline: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const listeners = this.#listeners.splice(0);
    await Promise.all(listeners.map((listener) => listener.handOver(clock, deadline)));
    if (this.#names !== undefined) this.#serve(this.#names.close());
    this.#parts.tunnels.drain(this.pod.uid);
    const close = (): void => this.#close('the proxy shuts down');
    if (deadline.aborted) close();
    else deadline.addEventListener('abort', close, { once: true });
    await Promise.race([this.#tunnels.drain(), aborted(deadline)]);
    await this.#finish();
    deadline.removeEventListener('abort', close);
  }

  #close(why: string): void {
    this.#end.abort(new AmbitError('AMB1412', why));
  }

  async #finish(): Promise<void> {
    while (this.#stories.size > 0) await Promise.all(this.#stories);
    await this.#tunnels[Symbol.asyncDispose]();
    this.#close('the pod has left');
    this.#network[Symbol.dispose]();
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#close('the pod has left the mesh');
    this.#parts.tunnels.drain(this.pod.uid);
    await this.#finish();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
