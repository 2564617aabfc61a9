// Writes a discovery response a piece at a time: the first one that a proxy gets may hold every workload
// of the mesh. The bytes are those of `encodeDeltaResponse`.

import type { DeltaResponse, DiscoveryResource } from './xds.ts';

/** Field numbers with wire type 2, as tag bytes. */
const response = { systemVersion: 0x0a, resource: 0x12, typeUrl: 0x22, nonce: 0x2a, removed: 0x32 };
const part = { version: 0x0a, any: 0x12, name: 0x1a, alias: 0x22 } as const;
const request = { initialVersion: 0x2a } as const;
const entry = { key: 0x0a, value: 0x12 } as const;
const any = { typeUrl: 0x0a, value: 0x12 } as const;
/** Resources between two yields. */
const perStep = 64;

/** The bytes of a response. */
export function* writeDeltaResponse(message: DeltaResponse): Generator<void, Buffer> {
  const { systemVersion, typeUrl, nonce, resources, removed } = message;
  const typeLength = Buffer.byteLength(typeUrl);
  const places: Placed[] = [];
  let size = textSize(systemVersion) + textSize(typeUrl) + textSize(nonce);
  for (const name of removed) size += itemSize(Buffer.byteLength(name));
  for (const resource of resources) {
    const placed = placeOf(resource, typeLength);
    places.push(placed);
    size += itemSize(placed.size);
    if (places.length % perStep === 0) yield;
  }
  const writer = new Writer(Buffer.allocUnsafe(size));
  writer.text(response.systemVersion, systemVersion);
  for (const [index, { resource, size: length, anySize }] of places.entries()) {
    writer.head(response.resource, length);
    writer.text(part.version, resource.version);
    writer.head(part.any, anySize);
    writer.text(any.typeUrl, typeUrl);
    if (resource.bytes.length > 0) writer.bytes(any.value, resource.bytes);
    writer.text(part.name, resource.name);
    for (const alias of resource.aliases) writer.item(part.alias, alias);
    if (index % perStep === 0) yield;
  }
  writer.text(response.typeUrl, typeUrl);
  writer.text(response.nonce, nonce);
  for (const name of removed) writer.item(response.removed, name);
  return writer.buffer;
}

/** The bytes of what a request says is held from an earlier stream: version by name. They go behind those of
 * the request, whose own list is empty (protobuf joins messages that follow each other). */
export function* writeInitialVersions(
  versions: ReadonlyMap<string, string>,
): Generator<void, Buffer> {
  const sizes: number[] = [];
  let size = 0;
  for (const [name, version] of versions) {
    const length = itemSize(Buffer.byteLength(name)) + itemSize(Buffer.byteLength(version));
    sizes.push(length);
    size += itemSize(length);
    if (sizes.length % perStep === 0) yield;
  }
  const writer = new Writer(Buffer.allocUnsafe(size));
  let index = 0;
  for (const [name, version] of versions) {
    writer.head(request.initialVersion, sizes[index++] ?? 0);
    writer.item(entry.key, name);
    writer.item(entry.value, version);
    if (index % perStep === 0) yield;
  }
  return writer.buffer;
}

/** About how many bytes a resource takes in a response. */
export function sizeOfResource({ name, bytes }: DiscoveryResource): number {
  return bytes.length + 2 * name.length + 100;
}

interface Placed {
  readonly resource: DiscoveryResource;
  readonly size: number;
  readonly anySize: number;
}

function placeOf(resource: DiscoveryResource, typeLength: number): Placed {
  const { name, version, aliases, bytes } = resource;
  const anySize =
    (typeLength === 0 ? 0 : itemSize(typeLength)) +
    (bytes.length === 0 ? 0 : itemSize(bytes.length));
  let size = textSize(version) + itemSize(anySize) + textSize(name);
  for (const alias of aliases) size += itemSize(Buffer.byteLength(alias));
  return { resource, size, anySize };
}

/** Tag, length and content. */
function itemSize(length: number): number {
  let size = 2 + length;
  for (let rest = length; rest > 127; rest >>>= 7) size++;
  return size;
}

/** An empty text is left out. */
function textSize(text: string): number {
  return text === '' ? 0 : itemSize(Buffer.byteLength(text));
}

class Writer {
  readonly buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  head(tag: number, length: number): void {
    this.buffer[this.#at++] = tag;
    let rest = length;
    for (; rest > 127; rest >>>= 7) this.buffer[this.#at++] = (rest & 127) | 128;
    this.buffer[this.#at++] = rest;
  }

  text(tag: number, text: string): void {
    if (text !== '') this.item(tag, text);
  }

  item(tag: number, text: string): void {
    this.head(tag, Buffer.byteLength(text));
    this.#at += this.buffer.write(text, this.#at);
  }

  bytes(tag: number, bytes: Uint8Array): void {
    this.head(tag, bytes.length);
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
