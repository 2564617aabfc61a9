// What this process may do to the kernel, found out by trying it in a child that has namespaces of its
// own and leaves nothing behind. The user id says little: root in a container often may not, an
// ordinary user with user namespaces may.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { environment } from './commands.ts';

const probeDeadlineMs = 10_000;

/** The outcome of the trials. */
export interface Privileges {
  /** This process itself may make namespaces, mounts, links and rules. */
  readonly root: boolean;
  /** It may when it runs itself anew in `unshare -Urnm`. */
  readonly userNamespaces: boolean;
  /** What stands in the way of the better of the two, in words; empty when one works. */
  readonly missing: string[];
}

/** Prints one line for each thing that does not work. */
const probe = `
need() { what=$1; shift; "$@" >/dev/null 2>&1 || echo "$what"; }
need 'the ip command (package iproute2)' command -v ip
need 'the nft command (package nftables)' command -v nft
need 'the right to configure networks' ip link set dev lo up
need 'veth interfaces in the kernel' ip link add probe0 type veth peer name probe1
need 'bridge interfaces in the kernel' ip link add probe2 type bridge
need 'policy routing in the kernel' ip rule add fwmark 1 lookup 100
need 'the right to mount' mount -t tmpfs tmpfs /tmp
rules() {
  nft -f - <<'RULES'
table inet probe {
  chain pre { type nat hook prerouting priority dstnat; tcp dport 1 redirect to :2; }
  chain out { type route hook output priority mangle; ct mark 1 meta mark set ct mark; }
}
RULES
}
need 'nftables with address translation and connection marks in the kernel' rules
`;

/** Tries as itself first, and in a user namespace only if that fails. Takes some 50 ms. */
export function privileges(): Privileges {
  const own = attempt(['--net', '--mount']);
  if (own.length === 0) return { root: true, userNamespaces: false, missing: [] };
  const user = attempt(['--user', '--map-root-user', '--net', '--mount']);
  if (user.length === 0) return { root: false, userNamespaces: true, missing: [] };
  const better = own.length < user.length ? own : [...user, ...switchedOff()];
  return { root: false, userNamespaces: false, missing: better };
}

function attempt(flags: readonly string[]): string[] {
  const child = spawnSync('unshare', [...flags, '/bin/sh', '-c', probe], {
    encoding: 'utf8',
    env: environment,
    timeout: probeDeadlineMs,
  });
  if (child.error !== undefined) {
    const { code } = child.error as NodeJS.ErrnoException;
    return [code === 'ENOENT' ? 'the unshare command (package util-linux)' : `unshare: ${code}`];
  }
  const lines = child.stdout.split('\n').filter((line) => line !== '');
  if (child.status === 0) return lines;
  return lines.length > 0 ? lines : [`namespaces: ${child.stderr.trim()}`];
}

const switches: readonly (readonly [file: string, off: string, remedy: string])[] = [
  ['kernel/apparmor_restrict_unprivileged_userns', '1', 'set it to 0, or run as root'],
  ['kernel/unprivileged_userns_clone', '0', 'set it to 1, or run as root'],
  ['user/max_user_namespaces', '0', 'raise it, or run as root'],
];

/** Kernel settings that take user namespaces away from ordinary users. */
function switchedOff(): string[] {
  return switches.flatMap(([file, off, remedy]) =>
    setting(file) === off ? [`sysctl ${file.replaceAll('/', '.')} is ${off}: ${remedy}`] : [],
  );
}

function setting(file: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${file}`, 'utf8').trim();
  } catch {
    return undefined; // this kernel has no such switch
  }
}
