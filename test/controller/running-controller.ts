// A controller against the embedded API server, on loopback ports of its own.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { Controller } from '../../src/controller/controller.ts';
import { ApiClient } from '../../src/controller/kubernetes/api-client.ts';
import { type ControllerSettings, controllerSettings } from '../../src/controller/settings.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger, type Logger, silentLogger } from '../../src/runtime/log.ts';
import { readSettings } from '../../src/runtime/settings.ts';
import {
  type ApiServer,
  type ApiServerOptions,
  startApiServer,
} from '../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';

/** Both, running. */
export interface RunningController {
  readonly api: ApiServer;
  readonly client: ApiClient;
  readonly controller: Controller;
  /** `HOST:PORT` of its gRPC server. */
  readonly address: string;
  /** Applies every document of a YAML text. */
  readonly apply: (yaml: string) => void;
  /** A token of a ServiceAccount, which is made if missing; bound to a pod if one is named. */
  token(namespace: string, account: string, pod?: string): Promise<string>;
  /** Polls until `read` answers something. */
  eventually<T>(what: string, read: () => T | undefined | Promise<T | undefined>): Promise<T>;
}

/** Starts an API server with the mesh's kinds. */
export async function startApi(
  stack: AsyncDisposableStack,
  options: Partial<ApiServerOptions> = {},
): Promise<ApiServer> {
  const api = await openApi(temporaryFolder(stack), 0, options);
  stack.use(api);
  return api;
}

/** A folder that is gone after the test. */
export function temporaryFolder(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-controller-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts an API server whose state is in a folder; the caller closes it. */
export async function openApi(
  folder: string,
  port: number,
  options: Partial<ApiServerOptions> = {},
): Promise<ApiServer> {
  const api = await startApiServer({
    databasePath: path.join(folder, 'state.db'),
    pkiFolder: path.join(folder, 'pki'),
    listeners: [{ host: '127.0.0.1', port }],
    clock: systemClock,
    log: silentLogger,
    podAccess: {
      logs: () => {
        throw new Error('no pods here');
      },
      connect: () => Promise.reject(new Error('no pods here')),
    },
    ...options,
  });
  for (const folder of ['istio', 'gateway-api']) {
    const crds = path.join(import.meta.dirname, '../../deploy/crds', folder);
    for (const file of readdirSync(crds)) {
      if (file !== 'kustomization.yaml')
        applyYaml(api, readFileSync(path.join(crds, file), 'utf8'));
    }
  }
  applyYaml(api, 'apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n');
  return api;
}

/** Settings of a controller on free loopback ports. Replicas tell each other apart by their pods' names. */
export function settingsFor(more: Readonly<Record<string, string>>): ControllerSettings {
  return readSettings(controllerSettings, {
    LISTEN_HOST: '127.0.0.1',
    GRPC_PORT: '0',
    MONITORING_PORT: '0',
    READINESS_PORT: '0',
    WEBHOOK_PORT: '0',
    ISTIOD_CUSTOM_HOST: 'localhost',
    POD_NAME: `istiod-${randomBytes(4).toString('hex')}`,
    ...more,
  });
}

/** Starts a controller that reaches its API server through a front; it ends with the stack. */
export async function startControllerThrough(
  stack: AsyncDisposableStack,
  front: { client(): ApiClient },
  more: Readonly<Record<string, string>> = {},
): Promise<Controller> {
  const client = stack.use(front.client());
  const settings = settingsFor(more);
  const controller = new Controller({ client, settings, clock: systemClock, log: testLog() });
  stack.use(controller);
  await controller.start();
  return controller;
}

function testLog(): Logger {
  return process.env['TEST_LOG'] === undefined ? silentLogger : createLogger('test', 'debug');
}

/** Starts a controller on an API server, which it reaches through another port if one is given. */
export async function startController(
  stack: AsyncDisposableStack,
  api: ApiServer,
  port = api.port,
  more: Readonly<Record<string, string>> = {},
): Promise<RunningController> {
  const config = new KubeConfig();
  config.loadFromString(api.kubeconfig({ server: `https://127.0.0.1:${port}` }));
  const client = stack.use(new ApiClient(config));
  const settings = settingsFor(more);
  const controller = new Controller({ client, settings, clock: systemClock, log: testLog() });
  stack.use(controller);
  await controller.start();
  return {
    api,
    client,
    controller,
    address: `127.0.0.1:${controller.ports.grpc}`,
    apply: (yaml) => {
      applyYaml(api, yaml);
    },
    token: (namespace, account, pod) => tokenOf(api, client, namespace, account, pod),
    eventually,
  };
}

/** Applies every document of a YAML text. */
export function applyYaml(api: ApiServer, yaml: string): void {
  for (const document of parseAllDocuments(yaml)) {
    const read = document.toJS() as ApiObject | null;
    if (read === null) continue;
    const { status, ...object } = read;
    const applied = api.store.apply(object as ApiObject, 'test');
    if (status === undefined) continue;
    api.store.updateStatus({ ...applied, status });
  }
}

/** A token of a ServiceAccount, which is made if missing. */
export async function tokenOf(
  api: ApiServer,
  client: ApiClient,
  namespace: string,
  account: string,
  pod?: string,
): Promise<string> {
  applyYaml(
    api,
    `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${account}, namespace: ${namespace}}\n`,
  );
  const uid = pod === undefined ? undefined : api.store.get('pods', namespace, pod)?.metadata.uid;
  const answer = (await client.create(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: ['istio-ca'],
        expirationSeconds: 3600,
        ...(pod && { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod, uid } }),
      },
    },
  )) as unknown as { status: { token: string } };
  return answer.status.token;
}

export async function eventually<T>(
  what: string,
  read: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + 8000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within 8 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
