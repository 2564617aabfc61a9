// Workloads and services to and from `istio.workload.Address` (protocol sections 4.4 to 4.6). The
// conversion of each message is in address-workload.ts and address-service.ts.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { keyOfService, type Service } from '../mesh/service.ts';
import type { Workload } from '../mesh/workload.ts';
import { serviceFromMessage, serviceToMessage } from './address-service.ts';
import { workloadFromMessage, workloadToMessage } from './address-workload.ts';
import { AddressSchema } from './gen/istio/workload_pb.ts';
import { decoding, type Result, reject } from './result.ts';

/** One resource of the address type. */
export type MeshAddress =
  | { readonly kind: 'workload'; readonly workload: Workload }
  | { readonly kind: 'service'; readonly service: Service };

/** The resource's name: a workload's uid, or `NAMESPACE/HOSTNAME`. */
export function nameOfAddress(address: MeshAddress): string {
  return address.kind === 'workload' ? address.workload.uid : keyOfService(address.service);
}

/** Other names the resource is known by: `NETWORK/IP`, with `/LENGTH` for virtual networks. */
export function aliasesOfAddress(address: MeshAddress): readonly string[] {
  if (address.kind === 'workload') {
    const { addresses, network } = address.workload;
    return addresses.map((ip) => `${network}/${ip}`);
  }
  return address.service.addresses.map((vip) =>
    vip.length === undefined
      ? `${vip.network}/${vip.address}`
      : `${vip.network}/${vip.address}/${vip.length}`,
  );
}

/** The bytes of a resource. Equal values give equal bytes. */
export function encodeAddress(address: MeshAddress): Uint8Array {
  const type =
    address.kind === 'workload'
      ? ({ case: 'workload', value: workloadToMessage(address.workload) } as const)
      : ({ case: 'service', value: serviceToMessage(address.service) } as const);
  return toBinary(AddressSchema, create(AddressSchema, { type }));
}

/** Reads a resource; what protocol section 4.5 rejects is a problem. */
export function decodeAddress(bytes: Uint8Array): Result<MeshAddress> {
  return decoding('istio.workload.Address', () => {
    const { type } = fromBinary(AddressSchema, bytes);
    switch (type.case) {
      case 'workload':
        return { kind: 'workload', workload: workloadFromMessage(type.value) };
      case 'service':
        return { kind: 'service', service: serviceFromMessage(type.value) };
      case undefined:
        return reject('neither a workload nor a service');
    }
  });
}
