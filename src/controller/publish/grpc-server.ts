// The gRPC server of port 15012: both services behind one TLS listener.

import { experimental, Server, type ServerCredentials } from '@grpc/grpc-js';
import { certificateService } from '../../wire/certificates.ts';
import { maxDiscoveryMessageBytes, writtenDiscoveryService } from '../../wire/xds.ts';
import type { SigningServer } from '../ca/signing-server.ts';
import type { XdsServer } from './xds-server.ts';

export interface GrpcServerOptions {
  /** Where to listen, such as `0.0.0.0:15012` or `[::]:15012`. */
  readonly address: string;
  readonly certificate: experimental.CertificateProvider;
  readonly xds: XdsServer;
  readonly signing: SigningServer;
}

/** How long streams may take to end at shutdown. */
const drainMs = 2000;

/** The listening server. */
export class GrpcServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Starts listening; rejects when the address cannot be had. */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const { address, certificate, xds, signing } = options;
    const server = new Server({
      'grpc.max_receive_message_length': maxDiscoveryMessageBytes,
      'grpc.max_send_message_length': maxDiscoveryMessageBytes,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
    });
    server.addService(writtenDiscoveryService, { DeltaAggregatedResources: xds.handle });
    server.addService(certificateService, { CreateCertificate: signing.handle });
    // The second is for certificates of clients, who prove themselves by token here. (The library
    // names its two parameters the other way round than it uses them.)
    const credentials = experimental.createCertificateProviderServerCredentials(
      certificate,
      null,
      false,
    );
    const port = await bind(server, address, credentials);
    return new GrpcServer(server, port);
  }

  /** Lets calls end, then cuts those that are left; proxies reconnect elsewhere or later. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, drainMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
