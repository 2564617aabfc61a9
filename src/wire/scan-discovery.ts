// Reads a discovery response without decoding all of it at once: the first one holds every workload of
// the mesh, in one message of many megabytes. Where each resource lies is found first; each is then
// decoded when its reader comes to it (protocol section 4.3 for the fields).

import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ResourceSchema } from './gen/envoy/discovery_pb.ts';
import type { DiscoveryResource } from './xds.ts';

/** A response whose resources are yet to be decoded. */
export interface ScannedResponse {
  readonly systemVersion: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly removed: readonly string[];
  /** How many resources there are. */
  readonly count: number;
  /** Bytes of the whole message. */
  readonly size: number;
  /** Decodes one by its index; throws on bytes that are none. */
  resource(index: number): DiscoveryResource;
}

/** Field numbers of DeltaDiscoveryResponse. */
const fields = { systemVersion: 1, resources: 2, typeUrl: 4, nonce: 5, removed: 6 } as const;
/** Fields read between two yields. */
const perStep = 500;

/** Finds the parts of a response. Throws on bytes that are none. */
export function* scanDeltaResponse(bytes: Uint8Array): Generator<void, ScannedResponse> {
  const reader = new BinaryReader(bytes);
  const places: number[] = [];
  const removed: string[] = [];
  const texts = new Map<number, string>();
  for (let count = 1; reader.pos < reader.len; count++) {
    const [field, type] = reader.tag();
    if (field === fields.resources && type === WireType.LengthDelimited) {
      const length = reader.uint32();
      places.push(reader.pos, reader.pos + length);
      if (reader.pos + length > reader.len) throw new RangeError('the message is cut off');
      reader.pos += length;
    } else if (field === fields.removed) removed.push(reader.string());
    else if (Object.values<number>(fields).includes(field)) texts.set(field, reader.string());
    else reader.skip(type, field);
    if (count % perStep === 0) yield;
  }
  return {
    systemVersion: texts.get(fields.systemVersion) ?? '',
    typeUrl: texts.get(fields.typeUrl) ?? '',
    nonce: texts.get(fields.nonce) ?? '',
    removed,
    count: places.length / 2,
    size: bytes.length,
    resource(index) {
      const part = bytes.subarray(places[index * 2] ?? 0, places[index * 2 + 1] ?? 0);
      const { name, version, aliases, resource } = fromBinary(ResourceSchema, part);
      return { name, version, aliases, bytes: resource?.value ?? new Uint8Array() };
    },
  };
}
