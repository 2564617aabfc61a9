// Hears from the node agent which pods to serve (ZDS, protocol section 2.6). Every request is answered
// before the next is read; a lost connection is opened again and starts with a whole snapshot.

import { closeSync } from 'node:fs';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { type SeqpacketMessage, SeqpacketSocket } from '../../linux/seqpacket.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { decodeZdsRequest, encodeZdsAck, encodeZdsHello, type ZdsRequest } from '../../wire/zds.ts';
import type { PodSet } from './pod-set.ts';

const reconnectShape = { firstMs: 10, maxMs: 15_000, jitter: 0.2 };

export interface PodFeedOptions {
  /** The agent's socket. */
  readonly path: string;
  readonly pods: PodSet;
  /** Told when a whole snapshot is in force, and when the connection is gone. */
  readonly onSynced: (synced: boolean) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Follows the agent until the signal fires. Never rejects. */
export async function followPodFeed(options: PodFeedOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, onSynced, path } = options;
  const backoff = new Backoff(reconnectShape, clock);
  let complained = '';
  while (!signal.aborted) {
    try {
      using socket = await SeqpacketSocket.connect(path).catch((error: unknown) => {
        throw new AmbitError('AMB1420', path, { cause: error });
      });
      complained = '';
      await converse(options, socket, signal, () => backoff.reset());
      log.info({ path }, 'the node agent closed the connection');
    } catch (error) {
      if (signal.aborted) break;
      const fields = { code: codeOf(error), error: causeChain(error) };
      // The same again says nothing new.
      if (fields.error === complained) log.debug(fields, 'still no node agent');
      else log.warn(fields, 'no node agent, trying again');
      complained = fields.error;
    }
    onSynced(false);
    await backoff.wait(signal).catch(() => undefined);
  }
}

async function converse(
  options: PodFeedOptions,
  socket: SeqpacketSocket,
  signal: AbortSignal,
  onAnswer: () => void,
): Promise<void> {
  const { pods, onSynced, log } = options;
  await socket.send(encodeZdsHello());
  pods.beginSnapshot();
  for (;;) {
    const message = await receive(socket, signal);
    if (message === undefined) return;
    onAnswer();
    try {
      const problem = obey(options, message);
      await socket.send(encodeZdsAck(problem));
      if (!pods.inSnapshot) onSynced(true);
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      log.error({ code: error.code, error: causeChain(error) }, 'the node agent made no sense');
      await socket.send(encodeZdsAck(causeChain(error)));
      return;
    }
  }
}

async function receive(
  socket: SeqpacketSocket,
  signal: AbortSignal,
): Promise<SeqpacketMessage | undefined> {
  try {
    return await socket.receive(signal);
  } catch (error) {
    throw new AmbitError('AMB1419', 'a packet could not be received', { cause: error });
  }
}

/** Does what is asked; answers what is wrong with the pod, empty when nothing is. Closes what it does
 * not keep of the descriptors. @throws AmbitError AMB1419 when the connection must start over */
function obey({ pods }: PodFeedOptions, { bytes, descriptors }: SeqpacketMessage): string {
  const decoded = decodeZdsRequest(bytes);
  const request = decoded.kind === 'ok' ? decoded.value : undefined;
  const [descriptor] = descriptors;
  if (request?.kind === 'add' && descriptor !== undefined && descriptors.length === 1) {
    return addPod(pods, request, descriptor);
  }
  for (const unused of descriptors) closeSync(unused);
  if (decoded.kind === 'problem') throw new AmbitError('AMB1419', decoded.problem);
  if (descriptors.length > 0) throw new AmbitError('AMB1419', 'a descriptor came with no pod');
  switch (decoded.value.kind) {
    case 'add':
      throw new AmbitError('AMB1419', `pod ${decoded.value.uid} came without its namespace`);
    case 'keep':
      if (!pods.inSnapshot) throw new AmbitError('AMB1419', 'keep after the snapshot');
      pods.keep(decoded.value.uid);
      return '';
    case 'del':
      pods.remove(decoded.value.uid);
      return '';
    case 'snapshot-sent':
      if (!pods.endSnapshot()) throw new AmbitError('AMB1419', 'a second end of the snapshot');
      return '';
  }
}

function addPod(
  pods: PodSet,
  { uid, name, namespace, serviceAccount }: ZdsRequest & { kind: 'add' },
  descriptor: number,
): string {
  const network = NetworkNamespace.fromDescriptor(descriptor);
  return pods.add({ uid, name, namespace, serviceAccount }, network);
}
