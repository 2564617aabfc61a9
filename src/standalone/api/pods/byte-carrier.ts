// What carries SPDY: a connection of its own, or the messages of a WebSocket.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { closeCodes, type MessageSocket } from '../../../wire/websocket/message-socket.ts';

/** Bytes in both directions. */
export interface ByteCarrier {
  /** What comes, until the peer ends. Rejects when it breaks off. */
  bytes(): AsyncIterable<Buffer>;
  /** Resolves when there is room for more; what comes after the end is dropped. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends after what was sent. */
  close(): void;
}

export function ofMessages(messages: MessageSocket): ByteCarrier {
  return {
    bytes: () => messages.messages(),
    send: (bytes) => messages.send(bytes),
    close: () => messages.close(closeCodes.normal),
  };
}

/** `head` came before the connection was handed over. */
export function ofSocket(socket: Socket, head: Buffer): ByteCarrier {
  socket.on('error', () => {
    // Whoever reads it is told.
  });
  return {
    async *bytes() {
      if (head.length > 0) yield head;
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
    },
    send: async (bytes) => {
      if (socket.writable && !socket.write(bytes)) await roomIn(socket);
    },
    close: () => {
      socket.end();
      socket.resume();
    },
  };
}

/** Resolves when a stream takes more, or is gone. */
export function roomIn(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
    if (stream.destroyed) done();
  });
}
