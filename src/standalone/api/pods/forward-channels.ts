// The channels of a port-forward over WebSocket, as kubelets speak them under `v4.channel.k8s.io`: every
// message begins with a byte that names its channel. The port at index i has channel 2i for data, both
// ways, and 2i + 1 for what went wrong, to the client alone; each begins with the port's number, two bytes,
// the lower first. No I/O.

import { badRequest } from '../api-error.ts';

/** The protocol's name in the handshake. */
export const channelProtocol = 'v4.channel.k8s.io';

/** Ports that one request may forward. */
export const maxPorts = 16;

/** The ports that a query asks for, repeated or with commas. Throws StatusError. */
export function askedPorts(query: URLSearchParams): readonly number[] {
  const words = query.getAll('ports').flatMap((value) => value.split(','));
  const wrong = words.find((word) => !/^\d{1,5}$/.test(word) || !isPort(Number(word)));
  if (words.length === 0) throw badRequest('AMB1203', 'query parameter "ports" is required');
  if (wrong !== undefined) {
    throw badRequest('AMB1203', `ports: ${wrong} is not a port from 1 to 65535`);
  }
  if (words.length > maxPorts) {
    throw badRequest('AMB1203', `ports: ${words.length} are asked for, ${maxPorts} are the most`);
  }
  return words.map(Number);
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535;
}

export function dataChannel(index: number): number {
  return index * 2;
}

export function errorChannel(index: number): number {
  return index * 2 + 1;
}

/** A message on a channel. */
export function onChannel(channel: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(channel), payload]);
}

/** The first message of a channel. */
export function portMessage(channel: number, port: number): Buffer {
  const message = Buffer.of(channel, 0, 0);
  message.writeUInt16LE(port, 1);
  return message;
}
