// The C library, called directly. Every function here either succeeds or throws a LinuxError made of
// errno. Nothing blocks: descriptors are non-blocking or the call is one that does not wait.
//
// All numbers below are equal on x86-64 and arm64. Memory handed to the kernel is a Buffer; one that
// the kernel reaches through another (iovec, msghdr) must stay referenced until the call returns.

import koffi from 'koffi';
import { errnoName, LinuxError } from './errors.ts';

/** The symbols of the running process, so that any C library will do. */
const libc = koffi.load(null);

type Call = (...args: unknown[]) => number;
const declare = (declaration: string): Call => libc.func(declaration) as Call;

const native = {
  setns: declare('int setns(int fd, int kind)'),
  unshare: declare('int unshare(int flags)'),
  socket: declare('int socket(int family, int type, int protocol)'),
  setsockopt: declare('int setsockopt(int, int, int, const void *value, uint32_t length)'),
  getsockopt: declare('int getsockopt(int, int, int, void *value, void *length)'),
  bind: declare('int bind(int fd, const void *address, uint32_t length)'),
  listen: declare('int listen(int fd, int backlog)'),
  connect: declare('int connect(int fd, const void *address, uint32_t length)'),
  accept4: declare('int accept4(int fd, void *address, void *length, int flags)'),
  getsockname: declare('int getsockname(int fd, void *address, void *length)'),
  shutdown: declare('int shutdown(int fd, int how)'),
  sendmsg: declare('long sendmsg(int fd, const void *message, int flags)'),
  recvmsg: declare('long recvmsg(int fd, void *message, int flags)'),
  recvmmsg: declare('int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *wait)'),
  ioctl: declare('int ioctl(int fd, unsigned long request, void *argument)'),
  fcntl: declare('int fcntl(int fd, int command, long argument)'),
  mount: declare(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options)',
  ),
  umount2: declare('int umount2(const char *target, int flags)'),
  if_nametoindex: declare('uint32_t if_nametoindex(const char *name)'),
};

/** A call that failed with one of the errnos the caller expects gives this instead of throwing. */
export const failed = -1;

/** Calls a function of the C library.
 * @param operation what is being tried, for the error
 * @param expected errnos that are an answer rather than an error: the result is then `failed`
 * @throws LinuxError */
export function call(
  name: keyof typeof native,
  args: readonly unknown[],
  operation: string = name,
  expected: readonly string[] = [],
): number {
  for (;;) {
    const result = native[name](...args);
    if (result !== -1) return result;
    const errno = errnoName(koffi.errno());
    if (errno === 'EINTR') continue;
    if (expected.includes(errno)) return failed;
    throw new LinuxError(operation, errno);
  }
}

/** The index of an interface in the namespace of this thread.
 * @throws LinuxError ENODEV */
export function interfaceIndex(name: string): number {
  const index = native.if_nametoindex(name);
  if (index === 0) throw new LinuxError(`interface ${name}`, errnoName(koffi.errno()));
  return index;
}

/** Where a buffer's bytes are, for structures that hold pointers. */
export function addressOf(bytes: Buffer): bigint {
  return koffi.address(bytes);
}
