// The delta discovery stream between proxies and controller (protocol sections 4.1 to 4.4): its
// messages as plain values, and its gRPC method in the form that gRPC clients and servers take.

import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  ResourceSchema,
} from './gen/envoy/discovery_pb.ts';
import { NodeSchema } from './gen/envoy/node_pb.ts';
import { StatusSchema } from './gen/google/rpc/status_pb.ts';

/** The resource types of the mesh. */
export const typeUrls = {
  address: 'type.googleapis.com/istio.workload.Address',
  authorization: 'type.googleapis.com/istio.security.Authorization',
  serviceConfig: 'type.googleapis.com/ambit.waypoint.v1.ServiceConfig',
  workloadLabels: 'type.googleapis.com/ambit.waypoint.v1.WorkloadLabels',
  credential: 'type.googleapis.com/ambit.waypoint.v1.Credential',
} as const;

/** The largest message a proxy accepts: the first push holds everything. */
export const maxDiscoveryMessageBytes = 200 * 1024 * 1024;

/** The name that stands for all resources of a type. */
export const everyResource = '*';

/** A proxy whose node has this in its metadata takes large responses in parts: their nonces start with
 * `partNoncePrefix`, but for the last one's, and only with that one they are in force. */
export const partsMetadata = 'AMBIT_RESPONSE_PARTS';
export const partNoncePrefix = 'part-';

/** The metadata by which our proxies tell their version. */
export const versionMetadata = 'AMBIT_VERSION';

/** Who asks; sent with the first requests of a stream. */
export interface DiscoveryNode {
  /** `ztunnel~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN`, or `waypoint~...`. */
  readonly id: string;
  readonly metadata: JsonObject;
}

/** From the proxy: a subscription, or the answer to a response. */
export interface DeltaRequest {
  readonly node?: DiscoveryNode;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What is held from an earlier stream: version by name. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** Empty on a subscription. */
  readonly responseNonce: string;
  /** Present when the response was refused, wholly or in part. */
  readonly error?: string;
}

export interface DiscoveryResource {
  readonly name: string;
  readonly version: string;
  readonly aliases: readonly string[];
  readonly bytes: Uint8Array;
}

/** From the controller: what changed. */
export interface DeltaResponse {
  /** The controller's snapshot hash. */
  readonly systemVersion: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly DiscoveryResource[];
  readonly removed: readonly string[];
}

/** Writes a request. */
export function encodeDeltaRequest(request: DeltaRequest): Buffer {
  const { node, error } = request;
  const message = create(DeltaDiscoveryRequestSchema, {
    ...(node && { node: create(NodeSchema, { id: node.id, metadata: node.metadata }) }),
    typeUrl: request.typeUrl,
    resourceNamesSubscribe: [...request.subscribe],
    resourceNamesUnsubscribe: [...request.unsubscribe],
    initialResourceVersions: Object.fromEntries(request.initialVersions),
    responseNonce: request.responseNonce,
    ...(error !== undefined && { errorDetail: create(StatusSchema, { message: error }) }),
  });
  return asBuffer(toBinary(DeltaDiscoveryRequestSchema, message));
}

/** Reads a request; throws on bytes that are none, as gRPC expects of a deserializer. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const message = fromBinary(DeltaDiscoveryRequestSchema, bytes);
  const { node, errorDetail } = message;
  return {
    ...(node && { node: { id: node.id, metadata: node.metadata ?? {} } }),
    typeUrl: message.typeUrl,
    subscribe: message.resourceNamesSubscribe,
    unsubscribe: message.resourceNamesUnsubscribe,
    initialVersions: new Map(Object.entries(message.initialResourceVersions)),
    responseNonce: message.responseNonce,
    ...(errorDetail && { error: errorDetail.message }),
  };
}

/** Writes a response. */
export function encodeDeltaResponse(response: DeltaResponse): Buffer {
  const message = create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: response.systemVersion,
    typeUrl: response.typeUrl,
    nonce: response.nonce,
    resources: response.resources.map(({ name, version, aliases, bytes }) =>
      create(ResourceSchema, {
        name,
        version,
        aliases: [...aliases],
        resource: { typeUrl: response.typeUrl, value: bytes },
      }),
    ),
    removedResources: [...response.removed],
  });
  return asBuffer(toBinary(DeltaDiscoveryResponseSchema, message));
}

/** Reads a response; throws on bytes that are none, as gRPC expects of a deserializer. */
export function decodeDeltaResponse(bytes: Uint8Array): DeltaResponse {
  const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return {
    systemVersion: message.systemVersionInfo,
    typeUrl: message.typeUrl,
    nonce: message.nonce,
    resources: message.resources.map(({ name, version, aliases, resource }) => ({
      name,
      version,
      aliases,
      bytes: resource?.value ?? new Uint8Array(),
    })),
    removed: message.removedResources,
  };
}

/** The service in the form of a gRPC service definition. */
export const aggregatedDiscoveryService = {
  DeltaAggregatedResources: {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeDeltaRequest,
    requestDeserialize: decodeDeltaRequest,
    responseSerialize: encodeDeltaResponse,
    responseDeserialize: decodeDeltaResponse,
  },
} as const;

/** The service for who writes responses to bytes by itself. */
export const writtenDiscoveryService = {
  DeltaAggregatedResources: {
    ...aggregatedDiscoveryService.DeltaAggregatedResources,
    responseSerialize: (bytes: Buffer) => bytes,
  },
} as const;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
