// Admission as a part of the controller: every replica answers the webhook, the one that leads keeps its
// configuration.

import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { LiveAuthority } from '../ca/live-authority.ts';
import type { ServingCertificate } from '../ca/serving-certificate.ts';
import type { ApiClient } from '../kubernetes/api-client.ts';
import type { Term } from '../kubernetes/leader-election.ts';
import { onHost } from '../on-host.ts';
import { type ControllerSettings, revisions } from '../settings.ts';
import { withRevision } from '../translate/mesh-options.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { WebhookKeeper } from './webhook-keeper.ts';
import { WebhookServer } from './webhook-server.ts';

/** What admission is made of. */
export interface AdmissionParts {
  readonly client: ApiClient;
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AdmissionMetrics;
  readonly authority: LiveAuthority;
  readonly certificate: ServingCertificate;
  readonly term: () => Term | undefined;
}

/** Both, running; the owner disposes it. */
export class Admission implements AsyncDisposable {
  readonly #server: WebhookServer;
  readonly #keeper: WebhookKeeper;

  private constructor(server: WebhookServer, keeper: WebhookKeeper) {
    this.#server = server;
    this.#keeper = keeper;
  }

  /** Listens, and begins to keep the configuration. @throws AmbitError AMB1651 when the port is taken */
  static async start(parts: AdmissionParts): Promise<Admission> {
    const { settings, certificate, metrics, clock, log } = parts;
    const { POD_NAMESPACE: namespace, WEBHOOK_PORT: port } = settings;
    const server = await onHost(settings.LISTEN_HOST, port, (host) =>
      WebhookServer.listen({ host, port, certificate, metrics, clock, log }),
    );
    const usual = `${withRevision('istio-validator', revisions(settings)[0])}-${namespace}`;
    const name = settings.VALIDATION_WEBHOOK_CONFIG_NAME || usual;
    const { client, authority, term } = parts;
    const rootPem = (): string => authority.rootPem;
    const keeper = new WebhookKeeper({
      client,
      clock,
      log,
      metrics,
      name,
      namespace,
      rootPem,
      term,
    });
    return new Admission(server, keeper);
  }

  /** Where the webhook listens. */
  get port(): number {
    return this.#server.port;
  }

  /** The authority or the leader has changed. */
  changed(): void {
    this.#keeper.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}
