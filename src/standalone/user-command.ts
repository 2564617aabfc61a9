// A command of the user's as a workload: a Deployment of one pod that runs it here, and a Service of its
// name. Pure but for applying the two.

import path from 'node:path';
import { AmbitError } from '../runtime/errors.ts';
import type { ApiObject } from './api/store.ts';
import { ApiClient } from './api-client.ts';
import { meshPaths } from './state-folder.ts';

export interface UserCommand {
  readonly name: string;
  readonly namespace: string;
  readonly words: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the service leads; found out by looking when absent. */
  readonly port?: number;
}

/** On pods whose service is made when their port is seen; its value is the service's name. */
export const serveAnnotation = 'ambit.io/serve-as';
const interpreters = /^(node|nodejs|deno|bun|python3?|ruby|php|perl|sh|bash|java)$/;

/** A name for a command: that of its script, else of its program. */
export function nameOfCommand(words: readonly string[]): string {
  const program = path.basename(words[0] ?? '');
  const script = words.slice(1).find((word) => !word.startsWith('-'));
  const chosen = interpreters.test(program) && script !== undefined ? script : program;
  const name = path
    .basename(chosen)
    .replace(/\.[a-z]+$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '');
  return name.slice(0, 50) || 'app';
}

/** The Deployment and, when the port is known, the Service. */
export function commandObjects(command: UserCommand): ApiObject[] {
  const { name, namespace, port } = command;
  const metadata = { name, namespace, labels: { app: name } };
  const annotations = port === undefined ? { [serveAnnotation]: name } : {};
  const deployment: ApiObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name }, annotations }, spec: podSpec(command) },
    },
  };
  return port === undefined ? [deployment] : [deployment, commandService(name, namespace, port)];
}

function podSpec({ name, words, folder, env, port }: UserCommand): object {
  const container = {
    name,
    image: 'ambit/command',
    command: words,
    workingDir: folder,
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    ...(port === undefined
      ? {}
      : {
          ports: [{ containerPort: port }],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 2 },
        }),
  };
  return { terminationGracePeriodSeconds: 5, containers: [container] };
}

/** The Service of a command. */
export function commandService(name: string, namespace: string, port: number): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { app: name } },
    spec: { selector: { app: name }, ports: [{ name: 'http', port, targetPort: port }] },
  };
}

/** Reads `K=V` flags. @throws AmbitError AMB1801 */
export function parseEnvironmentFlags(flags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    flags.map((flag) => {
      const index = flag.indexOf('=');
      if (index <= 0) throw new AmbitError('AMB1801', `--env ${flag} is not NAME=VALUE`);
      return [flag.slice(0, index), flag.slice(index + 1)];
    }),
  );
}

/** Applies a command to a running mesh. @throws AmbitError AMB1107, AMB1109 */
export async function applyCommand(
  mesh: string,
  stateParent: string,
  command: UserCommand,
): Promise<void> {
  const client = new ApiClient(meshPaths(stateParent, mesh).kubeconfig);
  const { namespace } = command;
  for (const object of commandObjects(command)) {
    const group = object.kind === 'Deployment' ? '/apis/apps/v1' : '/api/v1';
    const plural = `${object.kind.toLowerCase()}s`;
    const place = `${group}/namespaces/${namespace}/${plural}/${object.metadata.name}`;
    await client.apply(place, object, 'ambit-run');
  }
}
