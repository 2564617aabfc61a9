// The shell script that makes a container's own view of the machine and then becomes its command. Pure.
//
// It runs in a new mount namespace whose mounts follow the machine's (propagation slave) and in the pod's
// network namespace. Until the command is executed, complaints go to descriptor 3, which is then closed:
// a reader of it sees either nothing (the command runs) or why not.

import { canonicalPath, type PlannedMount } from './mount-plan.ts';

export interface LaunchPlan {
  readonly mounts: readonly PlannedMount[];
  /** Files shown at /etc/resolv.conf and /etc/hosts. */
  readonly resolvConf: string;
  readonly hosts: string;
  /** Set in a UTS namespace of the container's own, if it has one. */
  readonly hostname?: string;
  readonly workingDir: string;
  readonly user?: number;
  readonly group?: number;
  /** All that the process and its children may ever have, in lower case; unlimited when absent. */
  readonly capabilities?: readonly string[];
  /** Programs that give more privileges (set-user-id, file capabilities) give none. */
  readonly noNewPrivileges?: boolean;
}

/** The script; the command's words are its positional parameters. */
export function launchScript(plan: LaunchPlan): string {
  const lines = [
    'set -e',
    'exec 4>&2 2>&3',
    'mount -t tmpfs -o mode=0755 tmpfs /run',
    '[ /var/run -ef /run ] || mount --rbind /run /var/run',
    ...plan.mounts.flatMap(mountLines),
    ...bindOverFile(plan.resolvConf, '/etc/resolv.conf'),
    ...bindOverFile(plan.hosts, '/etc/hosts'),
    ...(plan.hostname === undefined ? [] : [`hostname ${quote(plan.hostname)}`]),
    `cd ${quote(plan.workingDir)}`,
    'exec 2>&4 4>&- 3>&-',
    `exec setpriv --pdeathsig KILL${identity(plan)}${privileges(plan)} -- "$@"`,
  ];
  return `${lines.join('\n')}\n`;
}

function mountLines({ source, target, readOnly, isFile }: PlannedMount): string[] {
  const to = quote(target);
  const point = isFile ? `mkdir -p ${quote(parentOf(target))}; touch ${to}` : `mkdir -p ${to}`;
  return [
    ...(canonicalPath(target).startsWith('/run/') ? [point] : []),
    `mount --rbind ${quote(source)} ${to}`,
    ...(readOnly ? [`mount -o remount,bind,ro ${to}`] : []),
  ];
}

/** /etc/resolv.conf is often a link into /run, which is empty here: its target is made first. */
function bindOverFile(source: string, target: string): string[] {
  return [
    `t=$(readlink -m ${quote(target)})`,
    'case $t in /run/*) mkdir -p "$(dirname "$t")"; touch "$t";; esac',
    `mount --bind ${quote(source)} "$t"`,
  ];
}

function identity({ user, group }: LaunchPlan): string {
  const parts = [
    ...(user === undefined ? [] : [`--reuid ${user}`]),
    ...(group === undefined && user === undefined ? [] : [`--regid ${group ?? user}`]),
    ...(group === undefined && user === undefined ? [] : ['--clear-groups']),
  ];
  return parts.map((part) => ` ${part}`).join('');
}

function privileges({ capabilities, noNewPrivileges }: LaunchPlan): string {
  const kept = capabilities?.map((name) => `,+${name}`).join('');
  const bounds = kept === undefined ? '' : ` --bounding-set ${quote(`-all${kept}`)}`;
  return noNewPrivileges === true ? `${bounds} --no-new-privs` : bounds;
}

function parentOf(file: string): string {
  return file.slice(0, Math.max(1, file.lastIndexOf('/')));
}

/** A text as one word of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
