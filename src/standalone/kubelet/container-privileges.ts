// What of a container's security context laptop mode honours: users, groups, capabilities and that no more
// privileges can be had. A read-only root and a seccomp profile are accepted without effect, since a pod
// sees the files of the machine itself. Pure.

import type { Container, Pod, SecurityContext } from './pod-types.ts';

export interface ContainerPrivileges {
  readonly user?: number;
  readonly group?: number;
  readonly capabilities?: readonly string[];
  readonly noNewPrivileges?: boolean;
}

/** The user of processes that have no other. */
const rootUser = 0;
/** Kept by all: the program is a file of whoever cloned the repository, perhaps in a folder that others
 * cannot enter, where in an image it is readable for all. */
const alwaysKept = 'dac_override';

/** What the container's own context says goes before the pod's. */
export function containerPrivileges({ spec }: Pod, container: Container): ContainerPrivileges {
  const context: SecurityContext = { ...spec.securityContext, ...container.securityContext };
  const { runAsUser: user, runAsGroup: group, capabilities } = context;
  return {
    ...(user === undefined || user === rootUser ? {} : { user }),
    ...(group === undefined || group === rootUser ? {} : { group }),
    ...(dropsAll(capabilities?.drop) ? { capabilities: kept(capabilities?.add) } : {}),
    ...(context.allowPrivilegeEscalation === false ? { noNewPrivileges: true } : {}),
  };
}

/** Only then what is added is all that there is. */
function dropsAll(names: readonly string[] = []): boolean {
  return names.some((name) => name.toUpperCase() === 'ALL');
}

function kept(names: readonly string[] = []): string[] {
  const wanted = names.map((name) => name.toLowerCase().replace(/^cap_/, ''));
  return [...new Set([...wanted, alwaysKept])].toSorted();
}
