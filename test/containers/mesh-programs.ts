// The API server of a machine, and the mesh's programs as processes of it, each with the account of its pod.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { listenTcp } from '../../src/linux/tcp.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { type ApiServer, startApiServer } from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import type { Machine, Program } from './machine.ts';

const repository = path.resolve(import.meta.dirname, '../..');
export const nodeAddress = '172.30.9.2';
export const nodeName = 'node1';
export const systemNamespace = 'istio-system';
/** In the machine. */
export const secretsFolder = '/run/secrets';
export const apiPort = 6443;

interface MeshProgram {
  /** Its folder below `src`. */
  readonly part: string;
  readonly account: string;
  readonly pod: ApiObject;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs one of the mesh's programs, which the stack ends. */
export function startMeshProgram(
  stack: AsyncDisposableStack,
  { machine, api }: { readonly machine: Machine; readonly api: ApiServer },
  { part, account, pod, env }: MeshProgram,
): Program {
  writeSecrets(machine, api, account, pod);
  // Every program finds its account where a pod's is, and sees mounts that come later, as a pod may.
  const place = '/run/secrets/kubernetes.io/serviceaccount';
  const script = `mount --bind ${secretsFolder}/${account} ${place} && exec "$0" "$@"`;
  const enter = ['--mount', '--propagation', 'slave', 'sh', '-c', script];
  const main = path.join(repository, 'src', part, 'main.ts');
  const program = machine.start('unshare', [...enter, process.execPath, main], {
    env: {
      PATH: process.env['PATH'] ?? '',
      KUBERNETES_SERVICE_HOST: nodeAddress,
      KUBERNETES_SERVICE_PORT: String(apiPort),
      NODE_NAME: nodeName,
      POD_NAME: pod.metadata.name,
      POD_NAMESPACE: systemNamespace,
      SERVICE_ACCOUNT: account,
      ...env,
    },
  });
  stack.defer(async () => await program.end('SIGKILL').catch(() => undefined)); // or it has ended
  return program;
}

/** Fills the folder of an account's secrets, for a pod of it. */
export function writeSecrets(
  machine: Machine,
  api: ApiServer,
  account: string,
  pod: ApiObject,
): void {
  const { store, tokens, caCertificate } = api;
  const serviceAccount = store.get('serviceaccounts', systemNamespace, account);
  if (serviceAccount === undefined) throw new Error(`no account ${account}`);
  const token = (audiences: readonly string[]): string =>
    tokens.issue({ serviceAccount, pod, audiences, seconds: 3600 }).token;
  mkdirSync(machine.path('/run/secrets/kubernetes.io/serviceaccount'), { recursive: true });
  const folder = machine.path(`${secretsFolder}/${account}`);
  mkdirSync(folder, { recursive: true });
  const files = {
    token: token([]),
    'istio-token': token(['istio-ca']),
    'ca.crt': caCertificate,
    namespace: systemNamespace,
    'root-cert.pem': rootCertificate(api),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
}

/** Written by the controller; empty before it runs. */
export function rootCertificate({ store }: ApiServer): string {
  const map = store.get('configmaps', systemNamespace, 'istio-ca-root-cert') as
    | { data?: Record<string, string> }
    | undefined;
  return map?.data?.['root-cert.pem'] ?? '';
}

/** Starts an API server that a machine reaches on its own address. */
export async function startApi(folder: string, machine: Machine): Promise<ApiServer> {
  const { fd } = listenTcp({ host: nodeAddress, port: apiPort, namespace: machine.network });
  return await startApiServer({
    databasePath: ':memory:',
    pkiFolder: path.join(folder, 'pki'),
    listeners: [{ fd }],
    hosts: [nodeAddress],
    clock: systemClock,
    log: silentLogger,
    podAccess: {
      logs: () => {
        throw new Error('no logs here');
      },
      connect: async () => await Promise.reject(new Error('no pods here')),
    },
  });
}
