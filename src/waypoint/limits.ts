// Every limit on what clients and endpoints may send, in one place: Envoy's and Istio's defaults where
// they have one. What is kept of bodies is bounded where it is kept.

/** Largest head of a request or a response: its first line and fields, bytes. Envoy allows 60 KiB. */
export const maxHeadBytes = 64 * 1024;
/** Most header fields of a message; Envoy allows 100, which is too few for some applications. */
export const maxFields = 1_000;
/** How long the head of a request may take from its first byte, milliseconds. Envoy sets no limit by
 * default and advises one; this is Node's. Idle connections are not limited, as in Istio. */
export const headTimeoutMs = 60_000;
/** Streams that a client may have open on one HTTP/2 connection; as Envoy's. */
export const maxConcurrentStreams = 100;
/** Bytes of one HTTP/2 stream that its sender may be ahead of its receiver. */
export const streamWindowBytes = 1024 * 1024;
/** The same for a whole HTTP/2 connection. */
export const connectionWindowBytes = 4 * 1024 * 1024;
/** Streams that an HTTP/2 client may reset at once, and those that it may then reset each second. */
export const streamResets = { burst: 1_000, perSecond: 33 } as const;
/** How long a client may be silent on a port without a declared protocol before the server gets its
 * chance to speak first, milliseconds. Istio waits without end by default. */
export const silenceLimitMs = 100;
/** A request line that is not complete within this many bytes is taken for HTTP when all else fits. */
export const maxSniffedBytes = 8 * 1024;
