// How proxies reach the controller over gRPC: TLS with the root from a file, and the service account's
// token with every call. Both files are read anew each time, because they rotate.

import { readFile } from 'node:fs/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { maxDiscoveryMessageBytes } from '../wire/xds.ts';

/** Where the controller is and how to prove who calls. */
export interface ControllerAccess {
  /** `HOST:PORT` or `https://HOST:PORT`; the certificate must be for HOST. */
  readonly address: string;
  /** PEM. */
  readonly rootCertPath: string;
  readonly tokenPath: string;
  /** Which cluster the token is of. */
  readonly clusterId: string;
}

/** A client for one stream or call; the caller closes it. */
export async function openController(
  access: ControllerAccess,
): Promise<{ client: Client; metadata: Metadata }> {
  const [root, token] = await Promise.all([
    readFile(access.rootCertPath),
    readFile(access.tokenPath, 'utf8'),
  ]);
  const client = new Client(
    access.address.replace(/^https:\/\//, ''),
    credentials.createSsl(root),
    {
      'grpc.max_receive_message_length': maxDiscoveryMessageBytes,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.use_local_subchannel_pool': 1,
    },
  );
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token.trim()}`);
  metadata.set('clusterid', access.clusterId);
  return { client, metadata };
}
