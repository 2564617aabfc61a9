// Where the kubeconfig may be.

import path from 'node:path';

/** Files to try, in order: KUBECONFIG, the mesh of this machine as root's or the user's own, and
 * kubectl's default. */
export function kubeconfigCandidates(
  env: Readonly<Record<string, string | undefined>>,
  mesh: string,
): readonly (string | undefined)[] {
  const home = env['HOME'] ?? '/root';
  const states = [
    env['AMBIT_STATE_DIR'],
    '/var/lib/ambit',
    path.join(env['XDG_STATE_HOME'] ?? path.join(home, '.local/state'), 'ambit'),
  ];
  return [
    env['KUBECONFIG']?.split(':')[0],
    ...states.map((folder) => folder && path.join(folder, mesh, 'kubeconfig')),
    path.join(home, '.kube/config'),
  ];
}
