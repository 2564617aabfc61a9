// Bringing an interface up with ioctl(2), where starting the `ip` command would be too much.

import { closeSync } from 'node:fs';
import { call } from './libc.ts';
import { openSocket } from './sockets.ts';

const siocgifflags = 0x8913;
const siocsifflags = 0x8914;
const iffUp = 0x1;
const ifreqLength = 40;
const flagsAt = 16;

/** Sets an interface up in the namespace of the calling thread. @throws LinuxError */
export function setLinkUpHere(name: string): void {
  const request = Buffer.alloc(ifreqLength);
  request.write(name, 0, flagsAt - 1, 'latin1');
  const fd = openSocket('ipv4', 'datagram');
  try {
    call('ioctl', [fd, siocgifflags, request], `read the flags of ${name}`);
    request.writeInt16LE(request.readInt16LE(flagsAt) | iffUp, flagsAt);
    call('ioctl', [fd, siocsifflags, request], `set ${name} up`);
  } finally {
    closeSync(fd);
  }
}
