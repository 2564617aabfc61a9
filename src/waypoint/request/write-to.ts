// Writing to a Node stream with backpressure, for codecs only.

import type { Writable } from 'node:stream';

/** Writes; resolves when more may be written, rejects when the stream closes first. */
export function writeTo(writable: Writable, bytes: Uint8Array): Promise<void> {
  if (writable.destroyed) return Promise.reject(new Error('the stream is closed'));
  if (bytes.length === 0 || writable.write(bytes)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      writable.off('drain', onDrain);
      writable.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = (): void => settle();
    const onClose = (): void => settle(new Error('the stream closed while it was written'));
    writable.on('drain', onDrain);
    writable.on('close', onClose);
  });
}
