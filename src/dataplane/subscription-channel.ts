// How proxies reach the controller over gRPC: TLS with the root from a file, and the service account's
// token with every call. Both files are read anew each time, because they rotate.

import { readFile } from 'node:fs/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { maxDiscoveryMessageBytes } from '../wire/xds.ts';

/** Where the controller is and how to prove who calls. */
export interface ControllerAccess {
  /** `HOST:PORT` or `https://HOST:PORT`; the certificate must be for HOST. */
  readonly address: string;
  /** A file in PEM, PEM itself, or `SYSTEM` for what the system trusts (protocol section 5.6). */
  readonly rootCertPath: string;
  /** A file, or the token itself, which has no slash. */
  readonly tokenPath: string;
  /** The name that the certificate must be for, if not HOST. */
  readonly serverName?: string;
  /** Which cluster the token is of. */
  readonly clusterId: string;
  /** Further headers, by lower-case name; the token and the cluster cannot be replaced by them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client for one stream or call; the caller closes it. */
export async function openController(
  access: ControllerAccess,
): Promise<{ client: Client; metadata: Metadata }> {
  const [root, token] = await Promise.all([
    rootsIn(access.rootCertPath),
    access.tokenPath.includes('/') ? readFile(access.tokenPath, 'utf8') : access.tokenPath,
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
      ...(access.serverName !== undefined && {
        'grpc.ssl_target_name_override': access.serverName,
        'grpc.default_authority': access.serverName,
      }),
    },
  );
  const metadata = new Metadata();
  for (const [name, text] of Object.entries(access.headers ?? {})) metadata.set(name, text);
  metadata.set('authorization', `Bearer ${token.trim()}`);
  metadata.set('clusterid', access.clusterId);
  return { client, metadata };
}

async function rootsIn(named: string): Promise<Buffer | null> {
  if (named === 'SYSTEM') return null;
  return named.startsWith('-----BEGIN ') ? Buffer.from(named) : await readFile(named);
}
