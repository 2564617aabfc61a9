// A stand-in for the controller: the discovery stream and the certificate service over TLS, driven by
// the test.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { ControllerAccess } from '../../src/dataplane/subscription-channel.ts';
import {
  certificateService,
  type SigningRequest,
  type SigningResponse,
} from '../../src/wire/certificates.ts';
import {
  aggregatedDiscoveryService,
  type DeltaRequest,
  type DeltaResponse,
} from '../../src/wire/xds.ts';
import type { IssueOptions, TestAuthority } from './certificates.ts';

export type DiscoveryStream = ServerDuplexStream<DeltaRequest, DeltaResponse>;

/** What the test sees and decides. */
export interface StandIn {
  readonly access: ControllerAccess;
  readonly tokenPath: string;
  /** Every discovery request, of all streams, with the stream it came on and its token. */
  readonly requests: { stream: DiscoveryStream; request: DeltaRequest; token: string }[];
  readonly signed: SigningRequest[];
  /** Answers requests for certificates; the default signs everything. */
  sign: (request: SigningRequest) => string[];
  /** Called for every discovery request. */
  onRequest: (stream: DiscoveryStream, request: DeltaRequest) => void;
  /** Resolves with the first request that fits, past ones included. */
  nextRequest(fits: (request: DeltaRequest) => boolean): Promise<DeltaRequest>;
  /** Ends all streams and stops listening; `restart` listens again on the same port. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

/** Starts one on loopback. Files go with the stack. */
export async function startController(
  stack: AsyncDisposableStack,
  authority: TestAuthority,
  issueOptions: () => IssueOptions = () => ({}),
): Promise<StandIn> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-controller-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const rootCertPath = path.join(folder, 'root-cert.pem');
  const tokenPath = path.join(folder, 'token');
  writeFileSync(rootCertPath, authority.rootPem);
  writeFileSync(tokenPath, 'token-1\n');
  const { certPem, keyPem } = authority.server(['localhost', '127.0.0.1']);
  const requests: StandIn['requests'] = [];
  const signed: SigningRequest[] = [];
  const waiting = new Set<() => void>();
  const discover = (stream: DiscoveryStream): void => {
    stream.on('error', () => undefined);
    stream.on('data', (request: DeltaRequest) => {
      const token = String(stream.metadata.get('authorization')[0]);
      requests.push({ stream, request, token });
      standIn.onRequest(stream, request);
      for (const look of waiting) look();
    });
    stream.on('end', () => stream.end());
  };
  const createCertificate = (
    call: ServerUnaryCall<SigningRequest, SigningResponse>,
    answer: sendUnaryData<SigningResponse>,
  ): void => {
    signed.push(call.request);
    try {
      answer(null, { certChain: standIn.sign(call.request) });
    } catch (error) {
      answer({ code: status.UNAUTHENTICATED, message: (error as Error).message });
    }
  };
  const listen = async (port: number): Promise<{ server: Server; port: number }> => {
    const server = new Server();
    server.addService(aggregatedDiscoveryService, { DeltaAggregatedResources: discover });
    server.addService(certificateService, { CreateCertificate: createCertificate });
    const tls = ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) },
    ]);
    return await new Promise((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, tls, (error, bound) => {
        if (error === null) resolve({ server, port: bound });
        else reject(error);
      });
    });
  };
  let running = await listen(0);
  stack.defer(() => running.server.forceShutdown());
  const { port } = running;
  const standIn: StandIn = {
    access: { address: `localhost:${port}`, rootCertPath, tokenPath, clusterId: 'Kubernetes' },
    tokenPath,
    requests,
    signed,
    sign: (request) => authority.sign(request.csrPem, issueOptions()),
    onRequest: () => undefined,
    nextRequest: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = requests.find(({ request }) => fits(request));
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found.request);
        };
        waiting.add(look);
        look();
      }),
    stop: async () => {
      running.server.forceShutdown();
      await Promise.resolve();
    },
    restart: async () => {
      running = await listen(port);
    },
  };
  return standIn;
}
