// Keeps the exemption of the kubelet's probes in the node's namespace in step with the enrolled
// pods.

import { readdirSync, readFileSync } from 'node:fs';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { nft, nftJson } from '../../linux/nft.ts';
import type { IpAddress } from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { differences } from './compare.ts';
import {
  exemptedAddresses,
  installProbesScript,
  type ProbeSettings,
  probeRules,
  probeTable,
  updateProbesScript,
} from './probe-rules.ts';
import { removeScript } from './table.ts';

/** The exemption of one node. Changes are applied one after another, each in one transaction; what
 * is wanted is remembered even if the kernel refused it, so the next change repairs it. */
export class ProbeExemption {
  readonly #namespace: NetworkNamespace;
  readonly #settings: ProbeSettings;
  readonly #pods = new Map<IpAddress, string>();
  #installed = false;
  #last: Promise<void> = Promise.resolve();

  /** @param namespace the node's; not owned */
  constructor(namespace: NetworkNamespace, settings: ProbeSettings) {
    this.#namespace = namespace;
    this.#settings = settings;
  }

  /** Installs the rule and the addresses of all pods so far. @throws AmbitError AMB1309 */
  async install(pods: ReadonlyMap<IpAddress, string>): Promise<void> {
    for (const [address, uid] of pods) this.#pods.set(address, uid);
    await this.#apply();
  }

  /** Sets the addresses of an enrolled pod. One that another pod had is now this one's.
   * @throws AmbitError AMB1309 */
  async set(uid: string, addresses: readonly IpAddress[]): Promise<void> {
    const before = [...this.#pods].filter(([, owner]) => owner === uid).map(([address]) => address);
    if (before.length === addresses.length && addresses.every((one) => before.includes(one)))
      return;
    for (const address of before) this.#pods.delete(address);
    for (const address of addresses) this.#pods.set(address, uid);
    await this.#apply();
  }

  /** Forgets a pod. Addresses that a newer pod has meanwhile stay. @throws AmbitError AMB1309 */
  async remove(uid: string): Promise<void> {
    await this.set(uid, []);
  }

  /** What is wrong with the rule and its sets; empty when all is as wanted. */
  async verify(): Promise<string[]> {
    const listing = await nftJson(['list', 'ruleset'], this.#namespace);
    const elements = exemptedAddresses(this.#settings, this.#pods);
    return differences(listing, [probeTable], [probeRules(this.#settings)], elements);
  }

  /** Makes it anew if something is wrong with it; answers what was. @throws AmbitError AMB1309;
   * LinuxError if it cannot be read */
  async repair(): Promise<string[]> {
    await this.#last;
    const problems = await this.verify();
    if (problems.length === 0) return problems;
    this.#installed = false;
    await this.#apply();
    return problems;
  }

  /** Takes the rule off the node. @throws LinuxError */
  async uninstall(): Promise<void> {
    await this.#last;
    this.#installed = false;
    await nft(removeScript([probeTable]), this.#namespace);
  }

  async #apply(): Promise<void> {
    const turn = this.#last.then(async () => {
      const script = this.#installed ? updateProbesScript : installProbesScript;
      try {
        await nft(script(this.#settings, this.#pods), this.#namespace);
        this.#installed = true;
      } catch (cause) {
        // Somebody may have taken the table away: the next change makes it anew.
        this.#installed = false;
        throw new AmbitError('AMB1309', 'the rule for probes could not be installed', { cause });
      }
    });
    this.#last = turn.catch(() => undefined);
    await turn;
  }
}

const kubeletNames = new Set(['kubelet', 'kubelite', 'k3s', 'k3s-server']);

/** The user id of the kubelet of this machine, by its process; 0, which it normally has, if none is
 * found. @param procPath `/proc` of the machine */
export function kubeletUid(procPath = '/proc'): number {
  for (const pid of readdirSync(procPath).filter((name) => /^\d+$/.test(name))) {
    try {
      const name = readFileSync(`${procPath}/${pid}/comm`, 'utf8').trim();
      if (!kubeletNames.has(name)) continue;
      const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`${procPath}/${pid}/status`, 'utf8'));
      if (uid?.[1] !== undefined) return Number(uid[1]);
    } catch {
      // The process ended meanwhile.
    }
  }
  return 0;
}
