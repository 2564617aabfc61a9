// Keeps the service rules of one node equal to what the services of the mesh are now.

import { nft } from '../../../linux/nft.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { causeChain } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import { WorkQueue } from '../../work-queue.ts';
import type { LocalNode } from '../local-node.ts';
import { planServices } from './plan-services.ts';
import { serviceScript } from './service-rules.ts';
import type { ServiceTable } from './service-table.ts';
import { stickyClients } from './sticky-clients.ts';

/** Applies the rules once at the start and after every change that matters. Changes that come while
 * rules are being applied are taken together. */
export class ServiceProxy implements AsyncDisposable {
  readonly #queue: WorkQueue;
  readonly #node: LocalNode;
  readonly #table: ServiceTable;
  readonly #subscription: Disposable;
  #applied = '';

  constructor(node: LocalNode, table: ServiceTable, options: { clock: Clock; log: Logger }) {
    this.#node = node;
    this.#table = table;
    this.#queue = new WorkQueue({
      work: () => this.#apply(),
      onFailure: (_, error) => {
        const fields = { code: 'AMB1155', node: node.name, error: causeChain(error) };
        options.log.error(fields, 'the service rules could not be applied; trying again');
      },
      clock: options.clock,
    });
    this.#subscription = table.onChange(() => this.#queue.add('rules'));
    this.#queue.add('rules');
  }

  /** Resolves when the rules are those of the services as they are now, or have been refused. */
  async settled(): Promise<void> {
    await this.#queue.idle();
  }

  async #apply(): Promise<void> {
    const { namespace } = this.#node;
    const rules = planServices(this.#table, this.#node);
    const script = serviceScript(rules);
    if (script === this.#applied) return;
    const sticky = this.#applied !== '' && rules.some((rule) => rule.affinitySeconds !== undefined);
    await nft(sticky ? serviceScript(rules, await stickyClients(namespace)) : script, namespace);
    this.#applied = script;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    await this.#queue[Symbol.asyncDispose]();
  }
}
