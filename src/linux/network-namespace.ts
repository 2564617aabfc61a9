// Network namespaces: naming them, making them, and doing things inside them.
//
// setns(2) acts on the calling thread only, so entering, acting and leaving are one synchronous
// stretch. JavaScript of the main thread and of each worker thread has a namespace of its own.

import { randomFill } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { LinuxError } from './errors.ts';
import { call, failed } from './libc.ts';
import { setLinkUpHere } from './link-flags.ts';
import { isMounted, msBind, umountDetach } from './mounts.ts';

const cloneNewnet = 0x4000_0000;
const ownNamespacePath = '/proc/thread-self/ns/net';

/** An open network namespace. It lives at least as long as this object is not disposed. */
export class NetworkNamespace implements Disposable {
  /** Close-on-exec; valid until disposed. */
  readonly fd: number;
  /** `device:inode` of the namespace: equal for the same namespace, however it was opened. */
  readonly id: string;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
    const { dev, ino } = fstatSync(fd);
    this.id = `${dev}:${ino}`;
  }

  /** The namespace of the calling thread. */
  static current(): NetworkNamespace {
    return NetworkNamespace.open(ownNamespacePath);
  }

  /** Opens `/run/netns/NAME`, `/proc/PID/ns/net` or `/proc/PID/fd/N`. @throws the error of open(2) */
  static open(file: string): NetworkNamespace {
    return new NetworkNamespace(openSync(file, 'r'));
  }

  /** Takes over a descriptor, as received from another process. */
  static fromDescriptor(fd: number): NetworkNamespace {
    return new NetworkNamespace(fd);
  }

  /** Makes a new namespace, its loopback interface up, and keeps it alive by a mount at `file`,
   * which is made, with its folder, if it is missing.
   * @throws LinuxError EPERM without CAP_SYS_ADMIN, EEXIST if something is mounted there already */
  static create(file: string): NetworkNamespace {
    const operation = `make network namespace ${file}`;
    if (isMounted(file)) throw new LinuxError(operation, 'EEXIST');
    const leave = (): void => {
      call('unshare', [cloneNewnet], operation);
    };
    return thread.away(leave, () => {
      setLinkUpHere('lo');
      mkdirSync(path.dirname(file), { recursive: true });
      closeSync(openSync(file, 'a', 0o444));
      call('mount', [ownNamespacePath, file, 'none', msBind, null], `mount namespace at ${file}`);
      return NetworkNamespace.open(file);
    });
  }

  /** Makes a new namespace (lo up) without a name: it ends with its last descriptor and process.
   * @throws LinuxError EPERM without CAP_SYS_ADMIN */
  static createUnnamed(): NetworkNamespace {
    const leave = (): void => {
      call('unshare', [cloneNewnet], 'make a network namespace');
    };
    return thread.away(leave, () => {
      setLinkUpHere('lo');
      return NetworkNamespace.current();
    });
  }

  /** Runs `body` with the calling thread inside this namespace and comes back, also when it throws.
   * Sockets made and processes spawned by `body` belong to this namespace for good. Only what is
   * synchronous happens inside; worker threads must not be started there.
   *
   * Invariant: after `run` the thread is where it was. If the way back fails the process ends at
   * once, because every later socket would silently belong to somebody else's pod.
   * @throws LinuxError EPERM without CAP_SYS_ADMIN over the namespace; and what `body` throws */
  run<T>(body: () => T): T {
    if (!this.#open) throw new Error('this network namespace was disposed');
    if (thread.isIn(this)) return body();
    const leave = (): void => {
      call('setns', [this.fd, cloneNewnet], 'enter network namespace');
    };
    return thread.away(leave, () => thread.whileIn(this, body));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

/** Where the calling thread is. A module is loaded once per thread, so this is thread-local. */
class ThreadPlace {
  #inside: NetworkNamespace | undefined;

  isIn(namespace: NetworkNamespace): boolean {
    return this.#place().id === namespace.id;
  }

  whileIn<T>(namespace: NetworkNamespace, body: () => T): T {
    const before = this.#inside;
    this.#inside = namespace;
    try {
      return body();
    } finally {
      this.#inside = before;
    }
  }

  /** `leave` throws if the thread stays where it is. */
  away<T>(leave: () => void, body: () => T): T {
    const before = this.#place();
    leave();
    try {
      return body();
    } finally {
      returnTo(before);
    }
  }

  #place(): NetworkNamespace {
    if (this.#inside !== undefined) return this.#inside;
    // Threads inherit the namespace of the thread that starts them: libuv's pool, which resolves
    // names, must be born before this thread goes anywhere.
    randomFill(Buffer.alloc(1), () => undefined);
    this.#inside = NetworkNamespace.current();
    return this.#inside;
  }
}

const thread = new ThreadPlace();

function returnTo(namespace: NetworkNamespace): void {
  try {
    call('setns', [namespace.fd, cloneNewnet], 'return from network namespace');
  } catch (error) {
    writeSync(2, `fatal: this thread cannot leave a foreign network namespace: ${String(error)}\n`);
    process.abort();
  }
}

/** Takes the mount of a namespace away and removes its file. A missing one is fine.
 * @throws LinuxError */
export function removeNamespaceMount(file: string): void {
  const unmount = (): number =>
    call('umount2', [file, umountDetach], `unmount ${file}`, ['ENOENT', 'EINVAL']);
  while (unmount() !== failed); // there may be one above another
  rmSync(file, { force: true });
}
