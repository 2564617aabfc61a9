// How a discovery stream ends, and which ends are nothing to worry about (protocol section 4.3).

import { status } from '@grpc/grpc-js';

/** What gRPC streams tell of their end. */
export interface EndingStream {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'status', listener: (end: { code: number; details: string }) => void): unknown;
}

/** Resolves with the reason when a stream ends; never rejects. */
export function endOf(stream: EndingStream): Promise<Error> {
  return new Promise((resolve) => {
    stream.on('error', resolve);
    stream.on('status', ({ code, details }) => {
      resolve(Object.assign(new Error(`${code} ${details}`), { code }));
    });
  });
}

/** Whether the end is part of normal life, such as a controller's restart or its connection limit. */
export function isBenign(end: Error): boolean {
  const code = 'code' in end ? end.code : undefined;
  if (code === status.OK || code === status.UNKNOWN) return true;
  if (code === status.CANCELLED || code === status.DEADLINE_EXCEEDED) return true;
  return code === status.UNAVAILABLE && /transport is closing|goaway/i.test(end.message);
}
