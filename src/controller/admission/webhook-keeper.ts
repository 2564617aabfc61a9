// Keeps the configuration of the validating webhook as it must be while this replica leads: the authority's
// root, healed when somebody changes it, and failurePolicy Fail once the API server was seen to ask.

import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { Debouncer } from '../debouncer.ts';
import { type ApiClient, ApiError } from '../kubernetes/api-client.ts';
import type { Term } from '../kubernetes/leader-election.ts';
import { ListAndWatch } from '../kubernetes/list-and-watch.ts';
import type { AdmissionMetrics } from './metrics.ts';
import {
  configurationsPath,
  knownBadObject,
  nextStep,
  revisionOf,
  type WebhookConfiguration,
} from './webhook-patch.ts';

const gathering = { quietMs: 20, maxMs: 200 } as const;
/** Between attempts, and between changes when something else keeps changing the configuration too. */
const retry = { firstMs: 250, maxMs: 30_000, jitter: 0.2 } as const;
/** A configuration that stayed as it must be for so long is quiet. */
const quietMs = 60_000;

export interface WebhookKeeperOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AdmissionMetrics;
  /** Of the ValidatingWebhookConfiguration; where it does not exist there is nothing to keep. */
  readonly name: string;
  /** Where the object of the proof would be. */
  readonly namespace: string;
  /** Roots in force, PEM. */
  readonly rootPem: () => string;
  /** Undefined while another replica leads. */
  readonly term: () => Term | undefined;
}

/** Works from its making to its disposal. */
export class WebhookKeeper implements AsyncDisposable {
  readonly #options: WebhookKeeperOptions;
  readonly #watch: ListAndWatch;
  readonly #working: Debouncer;
  readonly #retry: Backoff;
  readonly #end = new AbortController();
  #configuration: WebhookConfiguration | undefined;
  #isProven = false;
  #waits = false;
  #changedAtMs: number | undefined;
  #wasToldOfProof = false;

  constructor(options: WebhookKeeperOptions) {
    const { client, clock, log, name } = options;
    this.#options = options;
    this.#retry = new Backoff(retry, clock);
    this.#working = new Debouncer(gathering, clock, () => this.#work());
    this.#watch = new ListAndWatch({
      client,
      clock,
      path: configurationsPath,
      selectors: { fieldSelector: `metadata.name=${name}` },
      onSet: (object) => {
        this.#configuration = object;
        this.#working.changed();
      },
      onDelete: () => {
        this.#configuration = undefined;
      },
      onListed: () => this.#working.changed(),
      onTrouble: (trouble, reason) => {
        const isQuiet = trouble === 'expired' || trouble === 'silent' || trouble === 'unserved';
        const told = `the webhook configuration cannot be watched: ${reason}`;
        if (isQuiet) log.debug({ trouble }, told);
        else log.warn({ code: 'AMB1687', trouble }, told);
      },
    });
  }

  /** The authority or the leader has changed. */
  changed(): void {
    this.#working.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#watch[Symbol.asyncDispose]();
    await this.#working[Symbol.asyncDispose]();
  }

  async #work(): Promise<void> {
    const { rootPem, term, log } = this.#options;
    const configuration = this.#configuration;
    if (configuration === undefined || term() === undefined || this.#waits) return;
    const step = nextStep(configuration, rootPem(), this.#isProven);
    if (step.kind === 'nothing') return;
    try {
      if (step.kind === 'prove') {
        await this.#prove(configuration);
        if (!this.#isProven) this.#later();
        else this.#working.changed();
        return;
      }
      await this.#apply(configuration, step.body);
    } catch (error) {
      if (this.#end.signal.aborted) return;
      this.#options.metrics.notUpdated(error instanceof ApiError ? error.reason : 'failed');
      log.warn({ code: 'AMB1687', cause: codeOf(error) }, `webhook: ${causeChain(error)}`);
      this.#later();
    }
  }

  async #apply(configuration: WebhookConfiguration, body: object): Promise<void> {
    const { client, clock, metrics, log, term } = this.#options;
    const held = term();
    if (held === undefined) return;
    // Whoever else writes the same fields is not raced: each further change comes later.
    const now = clock.monotonic();
    if (this.#changedAtMs !== undefined && now - this.#changedAtMs > quietMs) this.#retry.reset();
    this.#changedAtMs = now;
    const { name } = configuration.metadata;
    const path = `${configurationsPath}/${name}`;
    this.#configuration = await client.patch(path, 'take', body, { signal: held.signal });
    metrics.updated();
    log.info({ object: name }, 'changed the webhook configuration');
    this.#later();
  }

  /** Looks whether a dry run of what must be refused is refused by us. */
  async #prove(configuration: WebhookConfiguration): Promise<void> {
    const { client, namespace, log } = this.#options;
    const bad = knownBadObject(namespace, revisionOf(configuration));
    const path = `/apis/${bad.apiVersion}/namespaces/${namespace}/destinationrules?dryRun=All`;
    try {
      await client.create(path, bad, { signal: this.#end.signal });
    } catch (error) {
      if (!(error instanceof ApiError) || !error.message.includes('AMB1685')) throw error;
      this.#isProven = true;
      this.#retry.reset();
      log.info({}, 'the validating webhook is in force');
      return;
    }
    this.#options.metrics.notUpdated('unreachable');
    if (this.#wasToldOfProof) return;
    this.#wasToldOfProof = true;
    log.warn({ code: 'AMB1686' }, 'the API server accepts what the validating webhook refuses');
  }

  /** Looks again after a while, whatever happens in between. */
  #later(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#retry
      .wait(this.#end.signal)
      .then(() => {
        this.#waits = false;
        this.#working.changed();
      })
      .catch(() => {
        // Disposed while waiting.
      });
  }
}
