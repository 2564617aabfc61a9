// The CNI chain of a node, executed as a container runtime executes it: ADD in order with each plugin's
// result handed to the next, DEL in reverse order with the cached result.
// Follows https://github.com/containernetworking/cni/blob/main/SPEC.md, sections 3 and 4.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../../runtime/errors.ts';
import {
  type NetworkConfiguration,
  type PluginConfiguration,
  readNetworkConfiguration,
} from './network-configuration.ts';
import { type Attachment, type CniCommand, type CniResult, callPlugin } from './plugin-call.ts';

export interface ChainPlaces {
  /** Where configuration lists are, `etc/cni/net.d` of the node. */
  readonly configurations: string;
  /** Where plugins are, first found first. */
  readonly plugins: readonly string[];
  /** Where results are kept between ADD and DEL. */
  readonly cache: string;
}

export interface Sandbox {
  readonly id: string;
  readonly netns: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
}

/** What a runtime keeps about an attached sandbox. */
interface CachedResult {
  readonly configuration: NetworkConfiguration;
  readonly result?: CniResult;
}

const interfaceName = 'eth0';

/** The addresses of a result that belong to the sandbox, without their prefix lengths. */
export function addressesOf(result: CniResult): string[] {
  const inSandbox = (index: number | undefined): boolean => {
    const link = index === undefined ? undefined : result.interfaces?.[index];
    return link === undefined || (link.sandbox !== undefined && link.sandbox !== '');
  };
  return (result.ips ?? [])
    .filter((entry) => inSandbox(entry.interface))
    .map(({ address }) => address.split('/')[0] ?? address);
}

/** Runs the chain of one node. */
export class CniChain {
  readonly #places: ChainPlaces;

  constructor(places: ChainPlaces) {
    this.#places = places;
  }

  /** Attaches a sandbox. When a plugin fails, the whole chain is asked to delete what it made.
   * @throws AmbitError AMB1110 or AMB1111 */
  async add(sandbox: Sandbox): Promise<CniResult> {
    const configuration = readNetworkConfiguration(this.#places.configurations);
    this.#keep(sandbox, { configuration });
    let result: CniResult | undefined;
    try {
      for (const plugin of configuration.plugins) {
        result = await this.#call(plugin, 'ADD', sandbox, configuration, result);
      }
    } catch (error) {
      await this.delete(sandbox).catch(() => undefined); // the reason of the failed ADD is told instead
      throw error;
    }
    if (result === undefined || addressesOf(result).length === 0) {
      throw new AmbitError('AMB1111', 'the chain gave the sandbox no address', {
        object: `CNI network ${configuration.name}`,
      });
    }
    this.#keep(sandbox, { configuration, result });
    return result;
  }

  /** Detaches a sandbox, also one that was attached in part or by an earlier process. Every plugin is
   * asked, whatever the others answer. @throws AmbitError AMB1111, the first failure */
  async delete(sandbox: Sandbox): Promise<void> {
    const cached = this.#cached(sandbox);
    if (cached === undefined) return;
    let failure: unknown;
    for (const plugin of cached.configuration.plugins.toReversed()) {
      try {
        await this.#call(plugin, 'DEL', sandbox, cached.configuration, cached.result);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    rmSync(this.#cacheFile(sandbox), { force: true });
  }

  async #call(
    plugin: PluginConfiguration,
    command: CniCommand,
    sandbox: Sandbox,
    configuration: NetworkConfiguration,
    previous: CniResult | undefined,
  ): Promise<CniResult | undefined> {
    const { capabilities: _, ...own } = plugin;
    const { cniVersion, name } = configuration;
    return await callPlugin(plugin.type, command, this.#attachment(sandbox), {
      ...own,
      cniVersion,
      name,
      ...(previous === undefined ? {} : { prevResult: previous }),
    });
  }

  #attachment(sandbox: Sandbox): Attachment {
    return {
      containerId: sandbox.id,
      netns: sandbox.netns,
      interfaceName,
      path: this.#places.plugins,
      args: [
        'IgnoreUnknown=1',
        `K8S_POD_NAMESPACE=${sandbox.podNamespace}`,
        `K8S_POD_NAME=${sandbox.podName}`,
        `K8S_POD_INFRA_CONTAINER_ID=${sandbox.id}`,
        `K8S_POD_UID=${sandbox.podUid}`,
      ].join(';'),
    };
  }

  #cacheFile(sandbox: Sandbox): string {
    return path.join(this.#places.cache, `${sandbox.id}.json`);
  }

  #keep(sandbox: Sandbox, cached: CachedResult): void {
    mkdirSync(this.#places.cache, { recursive: true });
    writeFileSync(this.#cacheFile(sandbox), JSON.stringify(cached));
  }

  #cached(sandbox: Sandbox): CachedResult | undefined {
    try {
      return JSON.parse(readFileSync(this.#cacheFile(sandbox), 'utf8')) as CachedResult;
    } catch {
      return undefined; // never attached, or already deleted
    }
  }
}
