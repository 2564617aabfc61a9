// Which pod addresses of a node are in use: one file per address, named for it, holding the container
// and interface that have it. Files are made with O_EXCL, so several plugins may run at once.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { IpAddress } from '../../../mesh/address.ts';
import { ipFromBytes, ipToBytes } from '../../../mesh/address.ts';
import type { AddressRange } from './config.ts';
import { CniFailure, cniCodes } from './failure.ts';
import type { Attachment } from './request.ts';

/** Hosts `.0` (network) and `.1` (gateway) are never a pod's; `.255` is the broadcast address. */
const firstHost = 2;
const lastHost = 254;
/** Names the host given out last: addresses are taken in turn, so that one that was just given back is
 * not at once another pod's. */
const cursorFile = 'last';

/** The addresses of a pod, one per range and in their order. */
export type PodAddresses = readonly { readonly address: IpAddress; readonly gateway: IpAddress }[];

/** The files of one node. */
export class AddressStore {
  readonly #folder: string;
  readonly #ranges: readonly AddressRange[];

  constructor(folder: string, ranges: readonly AddressRange[]) {
    this.#folder = folder;
    this.#ranges = ranges;
  }

  /** Takes the next free address of every range, with the same last number in each.
   * @throws CniFailure 101 when all are in use */
  take(attachment: Attachment): PodAddresses {
    mkdirSync(this.#folder, { recursive: true });
    const start = this.#cursor();
    const count = lastHost - firstHost + 1;
    for (let step = 1; step <= count; step++) {
      const host = firstHost + ((start - firstHost + step) % count);
      if (this.#claim(host, attachment)) {
        writeFileSync(path.join(this.#folder, cursorFile), String(host));
        return this.#addresses(host);
      }
    }
    throw new CniFailure(cniCodes.noFreeAddress, 'AMB1153', `none of ${count} addresses is free`);
  }

  /** Gives back all addresses of an attachment; none is fine. */
  giveBack(attachment: Attachment): void {
    for (const file of this.#heldBy(attachment)) rmSync(file, { force: true });
  }

  /** Gives back these addresses only. */
  release(addresses: PodAddresses): void {
    for (const { address } of addresses) rmSync(path.join(this.#folder, address), { force: true });
  }

  /** The addresses that an attachment has. */
  held(attachment: Attachment): string[] {
    return this.#heldBy(attachment).map((file) => path.basename(file));
  }

  #cursor(): number {
    try {
      const host = Number(readFileSync(path.join(this.#folder, cursorFile), 'utf8'));
      return host >= firstHost && host <= lastHost ? host : firstHost - 1;
    } catch {
      return firstHost - 1; // the first pod of this node
    }
  }

  #claim(host: number, attachment: Attachment): boolean {
    const made: string[] = [];
    for (const { address } of this.#addresses(host)) {
      const file = path.join(this.#folder, address);
      try {
        writeFileSync(file, contents(attachment), { flag: 'wx' });
        made.push(file);
      } catch (error) {
        for (const one of made) rmSync(one, { force: true });
        if (error instanceof Error && Reflect.get(error, 'code') === 'EEXIST') return false;
        throw error;
      }
    }
    return true;
  }

  #addresses(host: number): PodAddresses {
    return this.#ranges.map(({ network, gateway }) => {
      const bytes = ipToBytes(network);
      // In IPv6 the digits are repeated, not the number: people compare the two.
      if (bytes.length === 16) bytes.set(digitsAsGroup(host), 14);
      else bytes[3] = host;
      // Bytes of an address in are always bytes of an address out.
      return { address: ipFromBytes(bytes) ?? network, gateway };
    });
  }

  #heldBy(attachment: Attachment): string[] {
    const wanted = contents(attachment);
    return this.#names()
      .filter((name) => name !== cursorFile)
      .map((name) => path.join(this.#folder, name))
      .filter((file) => read(file) === wanted);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return []; // no pod was ever attached
    }
  }
}

function contents({ containerId, interfaceName }: Attachment): string {
  return `${containerId}\n${interfaceName}\n`;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // given back meanwhile
  }
}

function digitsAsGroup(host: number): [number, number] {
  const group = Number.parseInt(String(host), 16);
  return [group >> 8, group & 255];
}
