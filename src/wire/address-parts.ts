// The parts that workload and service messages share: ports, networks, gateway addresses.

import { create } from '@bufbuild/protobuf';
import { type IpAddress, ipFromBytes, ipToBytes } from '../mesh/address.ts';
import type { GatewayAddress, PortMapping } from '../mesh/workload.ts';
import {
  GatewayAddressSchema,
  type GatewayAddress as GatewayMessage,
  NamespacedHostnameSchema,
  NetworkAddressSchema,
} from './gen/istio/workload_pb.ts';
import { reject } from './result.ts';

/** Reads 4 or 16 bytes. */
export function addressFromBytes(bytes: Uint8Array, field: string): IpAddress {
  return ipFromBytes(bytes) ?? reject(`${field} is ${bytes.length} bytes, not 4 or 16`);
}

/** Reads a gateway's address; one without a destination is rejected. */
export function gatewayFromMessage(message: GatewayMessage, field: string): GatewayAddress {
  const { destination } = message;
  const hbonePort = message.hboneMtlsPort & 0xffff;
  switch (destination.case) {
    case 'hostname': {
      const { namespace, hostname } = destination.value;
      return { destination: { kind: 'hostname', namespace, hostname }, hbonePort };
    }
    case 'address': {
      const { network } = destination.value;
      const address = addressFromBytes(destination.value.address, `${field}.address`);
      return { destination: { kind: 'address', network, address }, hbonePort };
    }
    case undefined:
      return reject(`${field} has no destination`);
  }
}

/** Writes a gateway's address. */
export function gatewayToMessage(gateway: GatewayAddress): GatewayMessage {
  const { destination, hbonePort } = gateway;
  if (destination.kind === 'hostname') {
    const { namespace, hostname } = destination;
    const value = create(NamespacedHostnameSchema, { namespace, hostname });
    return create(GatewayAddressSchema, {
      destination: { case: 'hostname', value },
      hboneMtlsPort: hbonePort,
    });
  }
  const { network, address } = destination;
  const value = create(NetworkAddressSchema, { network, address: ipToBytes(address) });
  return create(GatewayAddressSchema, {
    destination: { case: 'address', value },
    hboneMtlsPort: hbonePort,
  });
}

/** A port pair as the wire has it; ports are cut to 16 bits, as Istio's proxy does. */
export function portFromMessage(port: { servicePort: number; targetPort: number }): PortMapping {
  return { servicePort: port.servicePort & 0xffff, targetPort: port.targetPort & 0xffff };
}
