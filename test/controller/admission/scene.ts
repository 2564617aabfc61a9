// A controller whose validating webhook the embedded API server asks through a pod, as in laptop mode.

import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { ApiClient } from '../../../src/controller/kubernetes/api-client.ts';
import type { ApiServer } from '../../../src/standalone/api/api-server.ts';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import {
  applyYaml,
  type RunningController,
  startApi,
  startController,
} from '../running-controller.ts';

/** Both, and the way between them. */
export interface AdmissionScene {
  readonly api: ApiServer;
  readonly running: RunningController;
  readonly client: ApiClient;
  /** Where connections to the pod's webhook port end; 0 refuses them. */
  readonly webhook: { port: number };
  /** The webhooks of the configuration as they are now. */
  webhooks(): readonly StoredWebhook[];
  /** Resolves when all have failurePolicy Fail. */
  untilInForce(): Promise<void>;
}

export interface StoredWebhook {
  readonly name: string;
  readonly clientConfig: { readonly caBundle?: string };
  readonly failurePolicy: string;
}

export const configurationName = 'istio-validator-istio-system';
const webhookManifest = path.join(import.meta.dirname, '../../../deploy/controller/webhook.yaml');

const behind = `
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec: {selector: {app: istiod}, ports: [{name: https-webhook, port: 443, targetPort: 15017}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: istiod-a
  namespace: istio-system
  labels: {kubernetes.io/service-name: istiod}
addressType: IPv4
ports: [{name: https-webhook, port: 15017}]
endpoints:
  - addresses: [10.244.0.9]
    conditions: {ready: true}
    targetRef: {kind: Pod, name: istiod-1, namespace: istio-system}
`;

/** Starts an API server with the webhook's configuration, which nobody keeps yet. */
export async function startScene(stack: AsyncDisposableStack): Promise<AdmissionScene> {
  const webhook = { port: 0 };
  const api = await startApi(stack, {
    podAccess: {
      logs: () => {
        throw new Error('no logs here');
      },
      connect: (_namespace, _pod, _port, signal) => connectTo(webhook.port, signal),
    },
  });
  applyYaml(api, behind);
  applyYaml(api, readFileSync(webhookManifest, 'utf8'));
  const running = await startController(stack, api);
  webhook.port = running.controller.ports.webhook;
  const webhooks = (): readonly StoredWebhook[] =>
    (stored(api)['webhooks'] ?? []) as readonly StoredWebhook[];
  return {
    api,
    running,
    client: running.client,
    webhook,
    webhooks,
    untilInForce: async () => {
      await running.eventually(
        'the webhook to be in force',
        () => webhooks().every((one) => one.failurePolicy === 'Fail') || undefined,
      );
    },
  };
}

function stored(api: ApiServer): ApiObject {
  const kind = 'admissionregistration.k8s.io/validatingwebhookconfigurations';
  const found = api.store.get(kind, '', configurationName);
  if (found === undefined) throw new Error('no webhook configuration');
  return found;
}

function connectTo(port: number, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
