// How the API server reaches pods. The local kubelets implement it.

import type { Socket } from 'node:net';

/** What of a container's log is wanted. */
export interface LogOptions {
  /** The only container of the pod when absent. */
  readonly container: string | undefined;
  /** Goes on with new lines until the container ends or `signal` fires. */
  readonly follow: boolean;
  /** Of the run before the last restart. */
  readonly previous: boolean;
  /** Only this many of the last lines. */
  readonly tailLines: number | undefined;
  /** Only what was written in this many last seconds. */
  readonly sinceSeconds: number | undefined;
  /** Only what was written since then, RFC 3339. */
  readonly sinceTime: string | undefined;
  /** Puts an RFC 3339 time before each line. */
  readonly timestamps: boolean;
  /** At most this many bytes. */
  readonly limitBytes: number | undefined;
  readonly signal: AbortSignal;
}

/** Reaches into pods. Failures may be thrown as StatusError to choose the answer. */
export interface PodAccess {
  logs(namespace: string, pod: string, options: LogOptions): AsyncIterable<Uint8Array>;
  /** A connection to the pod's loopback, made inside its network namespace. */
  connect(namespace: string, pod: string, port: number, signal: AbortSignal): Promise<Socket>;
}
