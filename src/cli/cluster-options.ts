// The flags by which commands are told a cluster, a namespace and a form of output. Their names and short
// forms are those of kubectl and istioctl.

import type { ParseArgsConfig } from 'node:util';
import { AmbitError } from '../runtime/errors.ts';
import { Cluster } from './cluster.ts';
import { kubeconfigCandidates } from './kubeconfig.ts';
import { defaultMesh } from './laptop.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** For `parseArgs`: how a cluster is chosen. */
export const clusterOptions = {
  kubeconfig: { type: 'string', short: 'c' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  istioNamespace: { type: 'string', short: 'i', default: 'istio-system' },
  name: { type: 'string', default: defaultMesh },
} as const satisfies ParseArgsConfig['options'];

/** What `ambit COMMAND --help` says of them. */
export const clusterUsage = `  -c, --kubeconfig FILE      the kubeconfig to use (KUBECONFIG, a mesh of this machine, ~/.kube/config)
      --context NAME         its context (the current one)
  -n, --namespace NS         the namespace (that of the context)
  -i, --istioNamespace NS    where the mesh itself runs (istio-system)
      --name MESH            the mesh of this machine to ask (${defaultMesh}); KUBECONFIG wins`;

/** The values of `clusterOptions` after parsing. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  readonly istioNamespace: string;
  readonly name: string;
}

/** The chosen cluster. @throws AmbitError AMB1803 */
export function openCluster(choice: ClusterChoice, env: Env): Cluster {
  const { kubeconfig, context, name } = choice;
  const files = kubeconfig === undefined ? kubeconfigCandidates(env, name) : [kubeconfig];
  return new Cluster(files, context === undefined ? {} : { context });
}

/** For `parseArgs`: the form of output. */
export const outputOptions = {
  output: { type: 'string', short: 'o' },
} as const satisfies ParseArgsConfig['options'];

/** The form that was asked for, the first where none was. @throws AmbitError AMB1801 naming the flag */
export function outputForm<Form extends string>(
  asked: string | undefined,
  forms: readonly [Form, ...Form[]],
): Form {
  if (asked === undefined) return forms[0];
  const form = forms.find((one) => one === asked);
  if (form !== undefined) return form;
  throw new AmbitError('AMB1801', `-o ${asked} is not one of ${forms.join(', ')}`);
}
