// A proxy's side of the controller's gRPC services, by hand: sends requests and records answers.

import {
  type ClientDuplexStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
} from '@grpc/grpc-js';
import {
  certificateService,
  type SigningRequest,
  type SigningResponse,
} from '../../src/wire/certificates.ts';
import {
  aggregatedDiscoveryService,
  type DeltaRequest,
  type DeltaResponse,
  type DiscoveryNode,
} from '../../src/wire/xds.ts';

const XdsClient = makeGenericClientConstructor(
  aggregatedDiscoveryService,
  'AggregatedDiscoveryService',
);
const CaClient = makeGenericClientConstructor(certificateService, 'IstioCertificateService');

const serverName = {
  'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
  'grpc.max_receive_message_length': -1,
};

/** One stream. */
export class ProxyStream {
  readonly #stream: ClientDuplexStream<DeltaRequest, DeltaResponse>;
  readonly #received: DeltaResponse[] = [];
  readonly #node: DiscoveryNode;
  #wake: () => void = () => {};
  #error: Error | undefined;

  constructor(
    stack: AsyncDisposableStack,
    address: string,
    rootPem: string,
    token: string,
    node: DiscoveryNode,
  ) {
    const client = new XdsClient(address, credentials.createSsl(Buffer.from(rootPem)), serverName);
    stack.defer(() => client.close());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    this.#node = node;
    this.#stream = client['DeltaAggregatedResources']!(metadata) as never;
    stack.defer(() => this.#stream.cancel());
    this.#stream.on('data', (response: DeltaResponse) => {
      this.#received.push(response);
      this.#wake();
    });
    this.#stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  subscribe(typeUrl: string, held: ReadonlyMap<string, string> = new Map()): void {
    this.send({ node: this.#node, typeUrl, initialVersions: held });
  }

  ack(response: DeltaResponse): void {
    this.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  }

  refuse(response: DeltaResponse, error: string): void {
    this.send({ typeUrl: response.typeUrl, responseNonce: response.nonce, error });
  }

  send(request: Partial<DeltaRequest> & { typeUrl: string }): void {
    this.#stream.write({
      subscribe: [],
      unsubscribe: [],
      initialVersions: new Map(),
      responseNonce: '',
      ...request,
    });
  }

  /** The next response; rejects with the stream's error. */
  async next(): Promise<DeltaResponse> {
    for (;;) {
      const response = this.#received.shift();
      if (response !== undefined) return response;
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next response, acknowledged, that satisfies a condition. */
  async until(condition: (response: DeltaResponse) => boolean): Promise<DeltaResponse> {
    for (;;) {
      const response = await this.next();
      this.ack(response);
      if (condition(response)) return response;
    }
  }

  /** How the stream ends: by the server, or by an error. */
  async ended(): Promise<'ended' | Error> {
    return await new Promise((resolve) => {
      this.#stream.on('end', () => {
        resolve('ended');
      });
      this.#stream.on('error', resolve);
    });
  }
}

/** Asks for a certificate. */
export async function requestCertificate(
  address: string,
  rootPem: string,
  token: string | undefined,
  request: SigningRequest,
): Promise<SigningResponse> {
  const client = new CaClient(address, credentials.createSsl(Buffer.from(rootPem)), serverName);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  try {
    return await new Promise<SigningResponse>((resolve, reject) => {
      client['CreateCertificate']!(
        request,
        metadata,
        (error: Error | null, answer: SigningResponse) => {
          if (error === null) resolve(answer);
          else reject(error);
        },
      );
    });
  } finally {
    client.close();
  }
}

/** The node of a ztunnel. */
export function ztunnelNode(namespace = 'istio-system'): DiscoveryNode {
  return {
    id: `ztunnel~10.0.0.1~ztunnel-x.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { NAME: 'ztunnel-x', NAMESPACE: namespace, NODE_NAME: 'node1' },
  };
}

/** The node of a waypoint. */
export function waypointNode(namespace: string, gateway: string): DiscoveryNode {
  return {
    id: `waypoint~10.0.0.2~${gateway}-x.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { NAME: `${gateway}-x`, NAMESPACE: namespace, GATEWAY_NAME: gateway },
  };
}
