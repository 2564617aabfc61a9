// Knowing when a descriptor that no Node class can adopt (SEQPACKET sockets) has something to say,
// without a blocked thread: the kernel raises SIGIO for it (fcntl(2): O_ASYNC, F_SETOWN), libuv turns
// that into an event, and every watcher then tries its non-blocking call again.
//
// Limits. Main thread only, since only it can listen for signals. Each signal wakes all watchers, so
// this is for tens of sockets, not thousands. A sweep once a second covers what no signal announces.

import { isMainThread } from 'node:worker_threads';
import { LinuxError } from './errors.ts';
import { call } from './libc.ts';

const fGetfl = 3;
const fSetfl = 4;
const fSetown = 8;
const oAsync = 0x2000;
const sweepMs = 1_000;

const watchers = new Set<() => void>();
/** Descriptors that have raised signals; some may be closed by now, or their numbers used again. */
const armed = new Set<number>();
let listening = false;
let sweep: NodeJS.Timeout | undefined;

function wakeAll(): void {
  for (const wake of watchers) wake();
}

/** Ends all signals before Node takes its handlers down on exit: a peer that closes its end just then
 * would kill the process by SIGIO and lose its exit code. */
function disarmAll(): void {
  for (const fd of armed) {
    try {
      const flags = call('fcntl', [fd, fGetfl, 0], `read flags of descriptor ${fd}`);
      call('fcntl', [fd, fSetfl, flags & ~oAsync], `set flags of descriptor ${fd}`);
    } catch {
      // EBADF: closed since, and with it its signals.
    }
  }
}

/** Calls `onReady` whenever the state of `fd` may have changed, until disposed. Keeps the process
 * alive meanwhile, as an open socket does. @throws LinuxError */
function watchDescriptor(fd: number, onReady: () => void): Disposable {
  // A worker thread hears no signals, and nobody else might listen for them.
  if (!isMainThread) throw new LinuxError('wait for socket outside the main thread', 'ENOTSUP');
  if (!listening) {
    // SIGIO kills a process that does not listen for it. Signals on their way outlive the descriptor
    // that caused them, so the listener stays; it does not keep the process alive.
    process.on('SIGIO', wakeAll);
    process.on('exit', disarmAll);
    listening = true;
  }
  call('fcntl', [fd, fSetown, process.pid], `own signals of descriptor ${fd}`);
  const flags = call('fcntl', [fd, fGetfl, 0], `read flags of descriptor ${fd}`);
  // Never switched off again: closing does that, and another watcher may need it.
  armed.add(fd);
  if ((flags & oAsync) === 0) {
    call('fcntl', [fd, fSetfl, flags | oAsync], `set flags of descriptor ${fd}`);
  }
  watchers.add(onReady);
  sweep ??= setInterval(wakeAll, sweepMs);
  return {
    [Symbol.dispose]() {
      watchers.delete(onReady);
      if (watchers.size > 0) return;
      clearInterval(sweep);
      sweep = undefined;
    },
  };
}

/** Tries `attempt` now and at every change of the descriptor, until it gives something else than
 * undefined. `onStop` is given a function that ends the waiting with a value, to be called before the
 * descriptor is closed.
 * @throws LinuxError ECANCELED when `signal` fires; and what `attempt` throws */
export function eventually<T>(
  fd: number,
  attempt: () => T | undefined,
  onStop: (stop: (value: T) => void) => void,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  if (signal?.aborted === true) {
    reject(new LinuxError('wait for socket', 'ECANCELED', { cause: signal.reason }));
    return promise;
  }
  const cleanup = new DisposableStack();
  const abort = (): void => {
    finish();
    reject(new LinuxError('wait for socket', 'ECANCELED', { cause: signal?.reason }));
  };
  const finish = (): void => cleanup.dispose();
  const tryNow = (): boolean => {
    try {
      const result = attempt();
      if (result === undefined) return false;
      finish();
      resolve(result);
    } catch (error) {
      finish();
      reject(error);
    }
    return true;
  };
  if (tryNow()) return promise;
  onStop((value) => {
    finish();
    resolve(value);
  });
  signal?.addEventListener('abort', abort, { once: true });
  cleanup.defer(() => signal?.removeEventListener('abort', abort));
  cleanup.use(watchDescriptor(fd, () => void tryNow()));
  tryNow(); // what came before the watch began raised no signal
  return promise;
}
