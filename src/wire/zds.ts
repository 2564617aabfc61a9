// Between node agent and node proxy (protocol section 2.6): one message per SEQPACKET packet. `add`
// travels with exactly one descriptor, the pod's network namespace; the caller passes it beside.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AckSchema,
  AddWorkloadSchema,
  DelWorkloadSchema,
  KeepWorkloadSchema,
  SnapshotSentSchema,
  Version,
  WorkloadInfoSchema,
  WorkloadRequestSchema,
  WorkloadResponseSchema,
  ZdsHelloSchema,
} from './gen/istio/zds_pb.ts';
import { decoding, type Result, reject } from './result.ts';

/** The largest packet either side reads; keep refusal texts far below. */
export const maxZdsPacketBytes = 1024;

/** From the agent. Each is answered before the next is sent. */
export type ZdsRequest =
  | {
      readonly kind: 'add';
      readonly uid: string;
      readonly name: string;
      readonly namespace: string;
      readonly serviceAccount: string;
    }
  | { readonly kind: 'keep'; readonly uid: string }
  | { readonly kind: 'del'; readonly uid: string }
  | { readonly kind: 'snapshot-sent' };

/** The proxy's first packet. */
export function encodeZdsHello(): Uint8Array {
  return toBinary(ZdsHelloSchema, create(ZdsHelloSchema, { version: Version.V1 }));
}

/** Reads the proxy's first packet: the version, which must be 1. */
export function decodeZdsHello(bytes: Uint8Array): Result<1> {
  return decoding('ZdsHello', () => {
    const { version } = fromBinary(ZdsHelloSchema, bytes);
    return version === Version.V1 ? 1 : reject(`protocol version ${version} is not 1`);
  });
}

/** Writes a request. */
export function encodeZdsRequest(request: ZdsRequest): Uint8Array {
  const message = create(WorkloadRequestSchema, { payload: payloadOf(request) });
  return toBinary(WorkloadRequestSchema, message);
}

function payloadOf(request: ZdsRequest) {
  switch (request.kind) {
    case 'add': {
      const { uid, name, namespace, serviceAccount } = request;
      const workloadInfo = create(WorkloadInfoSchema, { name, namespace, serviceAccount });
      return { case: 'add', value: create(AddWorkloadSchema, { uid, workloadInfo }) } as const;
    }
    case 'keep':
      return { case: 'keep', value: create(KeepWorkloadSchema, { uid: request.uid }) } as const;
    case 'del':
      return { case: 'del', value: create(DelWorkloadSchema, { uid: request.uid }) } as const;
    case 'snapshot-sent':
      return { case: 'snapshotSent', value: create(SnapshotSentSchema) } as const;
  }
}

/** Reads a request. */
export function decodeZdsRequest(bytes: Uint8Array): Result<ZdsRequest> {
  return decoding('WorkloadRequest', (): ZdsRequest => {
    const { payload } = fromBinary(WorkloadRequestSchema, bytes);
    switch (payload.case) {
      case 'add': {
        const { uid, workloadInfo } = payload.value;
        if (workloadInfo === undefined) return reject('add has no workload_info');
        const { name, namespace, serviceAccount } = workloadInfo;
        return { kind: 'add', uid: present(uid), name, namespace, serviceAccount };
      }
      case 'keep':
      case 'del':
        return { kind: payload.case, uid: present(payload.value.uid) };
      case 'snapshotSent':
        return { kind: 'snapshot-sent' };
      case undefined:
        return reject('a request of an unknown kind');
    }
  });
}

function present(uid: string): string {
  return uid === '' ? reject('uid is empty') : uid;
}

/** Writes the answer to a request. An error is cut so that the packet stays within its limit. */
export function encodeZdsAck(error = ''): Uint8Array {
  const short = Buffer.from(error)
    .subarray(0, maxZdsPacketBytes / 2)
    .toString();
  const value = create(AckSchema, { error: short });
  const message = create(WorkloadResponseSchema, { payload: { case: 'ack', value } });
  return toBinary(WorkloadResponseSchema, message);
}

/** Reads the answer to a request: its error, empty on success. */
export function decodeZdsAck(bytes: Uint8Array): Result<{ readonly error: string }> {
  return decoding('WorkloadResponse', () => {
    const { payload } = fromBinary(WorkloadResponseSchema, bytes);
    return payload.case === 'ack'
      ? { error: payload.value.error }
      : reject('an answer of an unknown kind');
  });
}
