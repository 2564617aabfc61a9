// The controller's own discovery server on loopback, without the rest of the controller.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { XdsServer } from '../../src/controller/publish/xds-server.ts';
import type { ControllerAccess } from '../../src/dataplane/subscription-channel.ts';
import { maxDiscoveryMessageBytes, writtenDiscoveryService } from '../../src/wire/xds.ts';
import { TestAuthority } from './certificates.ts';

/** Serves until the stack is disposed; how proxies reach it. */
export async function serveXds(
  stack: AsyncDisposableStack,
  xds: XdsServer,
): Promise<ControllerAccess> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-xds-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const authority = new TestAuthority();
  const { certPem, keyPem } = authority.server(['localhost']);
  const rootCertPath = path.join(folder, 'root.pem');
  const tokenPath = path.join(folder, 'token');
  writeFileSync(rootCertPath, authority.rootPem);
  writeFileSync(tokenPath, 'token');
  const server = new Server({ 'grpc.max_send_message_length': maxDiscoveryMessageBytes });
  stack.defer(() => server.forceShutdown());
  server.addService(writtenDiscoveryService, { DeltaAggregatedResources: xds.handle });
  const pair = { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) };
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `localhost:${port}`, rootCertPath, tokenPath, clusterId: 'Kubernetes' };
}
