// ambit status on a cluster: what runs of the mesh, what does not, and what to do about it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { type ClusterChoice, openCluster } from '../cluster-options.ts';
import type { CommandContext } from '../command.ts';
import { documentOf, paint, withProgress } from '../output.ts';
import { askControllers, collectFacts } from '../status/collect.ts';
import { reportLines, reportOf } from '../status/report.ts';

/** Prints the report; 1 when something is not ready. */
export async function clusterStatus(
  choice: ClusterChoice,
  form: 'text' | 'json' | 'yaml',
  context: CommandContext,
): Promise<number> {
  const cluster = openCluster(choice, context.env);
  const report = await withProgress('looking at the cluster', context, async () => {
    const facts = await collectFacts(cluster, choice.istioNamespace);
    return reportOf(facts, await askControllers(cluster, facts));
  });
  const mark = (text: string, isReady: boolean): string =>
    isReady ? text : paint(text, 'red', context);
  context.stdout(
    form === 'text' ? `${reportLines(report, mark).join('\n')}\n` : documentOf(report, form),
  );
  return report.isReady ? 0 : 1;
}

/** What a kubeconfig leads to. */
export type Meant =
  | { readonly kind: 'cluster' }
  /** A mesh of this machine; of KUBECONFIG's folder where it is one's. */
  | { readonly kind: 'laptop'; readonly mesh?: string; readonly parent?: string };

/** Whether a cluster is meant or a mesh of this machine: flags say so; then KUBECONFIG, unless it is that of a mesh
 * of this machine. */
export function meantBy(
  flags: {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    readonly name?: string | undefined;
  },
  env: Readonly<Record<string, string | undefined>>,
): Meant {
  if (flags.kubeconfig !== undefined || flags.context !== undefined) return { kind: 'cluster' };
  const [file = ''] = (env['KUBECONFIG'] ?? '').split(':');
  if (flags.name !== undefined || file === '') return { kind: 'laptop' };
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(path.join(folder, 'supervisor.json'))) return { kind: 'cluster' };
  return { kind: 'laptop', mesh: path.basename(folder), parent: path.dirname(folder) };
}

/** Whether there is a kubeconfig where kubectl looks for one. */
export function hasDefaultKubeconfig(env: Readonly<Record<string, string | undefined>>): boolean {
  const home = env['HOME'] ?? '';
  return home !== '' && existsSync(path.join(home, '.kube/config'));
}
