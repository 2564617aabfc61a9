// Builds the controller from its parts and keeps them working together: objects are watched,
// translated, published; then authors are told and waypoints are made.

import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CertificateAuthority } from './ca/authority.ts';
import { loadAuthority } from './ca/load-authority.ts';
import type { PodDirectory } from './ca/may-have-identity.ts';
import { ServingCertificate } from './ca/serving-certificate.ts';
import { SigningServer } from './ca/signing-server.ts';
import { Debouncer } from './debouncer.ts';
import { reportGateways } from './gateway-status.ts';
import { HttpListener, jsonPage, type Pages, textPage } from './http-listener.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { ObjectApplier } from './kubernetes/apply-objects.ts';
import { ApiSecrets } from './kubernetes/secrets.ts';
import { TokenReviewer } from './kubernetes/verify-token.ts';
import { ObjectWatcher } from './kubernetes/watch-objects.ts';
import { StatusWriter } from './kubernetes/write-status.ts';
import { ControllerMetrics } from './metrics.ts';
import { ObjectTables } from './objects.ts';
import { provisionChanges } from './provision.ts';
import { GrpcServer } from './publish/grpc-server.ts';
import { publishable } from './publish/resources.ts';
import { XdsServer } from './publish/xds-server.ts';
import { refusalFindings } from './refusals.ts';
import { rootCertificateChanges } from './root-certificates.ts';
import type { ControllerSettings } from './settings.ts';
import { statusWrites } from './status.ts';
import { withoutRepeats } from './translate/finding.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import type { Translation } from './translate/snapshot.ts';
import { translate } from './translate/translate.ts';
import { ValidVersions } from './translate/valid-versions.ts';
import type { ProvisionOptions } from './waypoint-deployment.ts';

/** Changes are gathered this long before they are translated. */
const gathering = { quietMs: 5, maxMs: 100 } as const;
/** Writes to the API are gathered longer, and tried again after a failure. */
const writing = { quietMs: 20, maxMs: 200 } as const;
const writeRetry = { firstMs: 250, maxMs: 30_000, jitter: 0.2 } as const;

const emptyTranslation: Translation = {
  snapshot: {
    workloads: new Map(),
    services: new Map(),
    authorizations: new Map(),
    serviceConfigs: new Map(),
    workloadLabels: new Map(),
  },
  findings: [],
};

export interface ControllerParts {
  readonly client: ApiClient;
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ControllerPorts {
  readonly grpc: number;
  readonly monitoring: number;
  readonly readiness: number;
}

/** A controller; `start` opens everything, disposal ends it. */
export class Controller implements AsyncDisposable {
  readonly #parts: ControllerParts;
  readonly #mesh: MeshOptions;
  readonly #provision: ProvisionOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #end = new AbortController();
  readonly #metrics = new ControllerMetrics();
  readonly #versions = new ValidVersions();
  readonly #tables: ObjectTables;
  readonly #xds: XdsServer;
  readonly #verifier: TokenReviewer;
  readonly #writer: StatusWriter;
  readonly #applier: ObjectApplier;
  readonly #translating: Debouncer;
  readonly #writing: Debouncer;
  readonly #writeRetry: Backoff;
  #watcher: ObjectWatcher | undefined;
  #authority: CertificateAuthority | undefined;
  #writeRetryWaits = false;
  #translation: Translation = emptyTranslation;
  #ports: ControllerPorts = { grpc: 0, monitoring: 0, readiness: 0 };
  #synced = false;
  #ready = false;

  constructor(parts: ControllerParts) {
    const { client, settings, clock, log } = parts;
    this.#parts = parts;
    this.#mesh = {
      clusterId: settings.CLUSTER_ID,
      trustDomain: settings.TRUST_DOMAIN,
      clusterDomain: settings.CLUSTER_DOMAIN,
      rootNamespace: settings.POD_NAMESPACE,
    };
    this.#provision = {
      mesh: this.#mesh,
      waypointImage: settings.WAYPOINT_IMAGE,
      controllerAddress: `istiod.${settings.POD_NAMESPACE}.svc:15012`,
    };
    this.#translating = new Debouncer(gathering, clock, () => {
      this.#translate();
    });
    this.#writing = new Debouncer(writing, clock, () => this.#write());
    this.#writeRetry = new Backoff(writeRetry, clock);
    this.#tables = new ObjectTables(() => {
      if (this.#synced) this.#translating.changed();
    });
    this.#verifier = new TokenReviewer(client, clock);
    this.#writer = new StatusWriter(client, clock, log);
    this.#applier = new ObjectApplier(client, clock, log);
    this.#xds = new XdsServer({
      verifier: this.#verifier,
      clock,
      log,
      onPush: (typeUrl) => this.#metrics.count('pilot_xds_pushes', typeUrl),
      onRefusal: ({ typeUrl }) => this.#metrics.count('pilot_total_xds_rejects', typeUrl),
      onStandingChange: () => this.#writing.changed(),
    });
  }

  /** Where it listens, once it has started. */
  get ports(): ControllerPorts {
    return this.#ports;
  }

  /** Resolves when proxies are served. Rejects with AMB1636 (authority), AMB1651 (port) and the
   * like; what was opened is closed by disposal. */
  async start(): Promise<void> {
    const { client, settings, clock, log } = this.#parts;
    const host = settings.LISTEN_HOST;
    this.#watcher = this.#stack.use(new ObjectWatcher(client, this.#tables, clock, log));
    const secrets = new ApiSecrets(client, settings.POD_NAMESPACE);
    const [authority] = await Promise.all([
      loadAuthority(secrets, settings.TRUST_DOMAIN, clock.now(), log),
      this.#watcher.start(),
      this.#listenHttp(),
    ]);
    this.#authority = authority;
    this.#synced = true;
    // Proxies are let in only now: they would take an empty answer for the truth.
    this.#translate();
    const server = await GrpcServer.listen({
      address: `${host.includes(':') ? `[${host}]` : host}:${settings.GRPC_PORT}`,
      certificate: this.#stack.use(
        new ServingCertificate(authority, servingNames(settings), clock, log),
      ),
      xds: this.#xds,
      signing: this.#signingServer(authority),
    });
    this.#stack.use(server);
    this.#ports = { ...this.#ports, grpc: server.port };
    this.#ready = true;
    log.info({ port: server.port, version: this.#xds.snapshot.hash }, 'serving proxies');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ready = false;
    this.#end.abort();
    await this.#translating[Symbol.asyncDispose]();
    await this.#writing[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }

  async #listenHttp(): Promise<void> {
    const { LISTEN_HOST, READINESS_PORT, MONITORING_PORT } = this.#parts.settings;
    const readiness: Pages = (path) => (path === '/ready' ? this.#readiness() : undefined);
    const ready = this.#stack.use(
      await HttpListener.listen(LISTEN_HOST, READINESS_PORT, readiness),
    );
    const monitoring = this.#stack.use(
      await HttpListener.listen(LISTEN_HOST, MONITORING_PORT, (path) => this.#page(path)),
    );
    this.#ports = { ...this.#ports, readiness: ready.port, monitoring: monitoring.port };
  }

  #readiness() {
    if (this.#ready) return textPage('ready\n');
    const blockers = [
      ...(this.#watcher?.unsynced ?? []),
      ...(this.#authority === undefined ? ['certificate authority'] : []),
    ];
    return textPage(`not ready: waiting for ${blockers.join(', ') || 'the listener'}\n`, 503);
  }

  #page(path: string) {
    const { snapshot } = this.#translation;
    switch (path) {
      case '/metrics':
        return textPage(
          this.#metrics.text({
            pilot_xds: this.#xds.connected().length,
            ambit_controller_workloads: snapshot.workloads.size,
            ambit_controller_services: snapshot.services.size,
          }),
        );
      case '/debug/config_dump':
        return jsonPage({
          version: this.#xds.snapshot.hash,
          ...snapshot,
          findings: this.#translation.findings,
        });
      case '/debug/proxies':
        return jsonPage({ connected: this.#xds.connected(), refusals: this.#xds.refusals });
      case '/ready':
        return this.#readiness();
      default:
        return undefined;
    }
  }

  #signingServer(authority: CertificateAuthority): SigningServer {
    const { settings, clock, log } = this.#parts;
    const pods: PodDirectory = {
      pod: (namespace, name) => this.#tables.get('Pod', namespace, name),
      pods: () => this.#tables.list('Pod'),
    };
    return new SigningServer({
      authority,
      verifier: this.#verifier,
      pods,
      rules: {
        trustDomain: settings.TRUST_DOMAIN,
        trustedNodeAccounts: new Set(
          settings.CA_TRUSTED_NODE_ACCOUNTS.split(',').map((account) => account.trim()),
        ),
      },
      lifetimes: {
        defaultMs: settings.DEFAULT_WORKLOAD_CERT_TTL_SECONDS * 1000,
        maxMs: settings.MAX_WORKLOAD_CERT_TTL_SECONDS * 1000,
      },
      clock,
      log,
      onIssued: () => this.#metrics.count('citadel_server_success_cert_issuance_count'),
    });
  }

  #translate(): void {
    const { log } = this.#parts;
    try {
      this.#translation = translate(this.#tables, this.#versions, this.#mesh);
      const { published, problems } = publishable(this.#translation.snapshot);
      for (const { name, error } of problems) {
        log.error({ code: codeOf(error), resource: name }, `not published: ${causeChain(error)}`);
      }
      this.#metrics.count('ambit_controller_translations_total');
      if (published.hash !== this.#xds.snapshot.hash) {
        log.debug({ version: published.hash }, 'publishing');
        this.#xds.publish(published);
      }
    } catch (error) {
      // A defect here must not take what is in force from the proxies.
      log.error({ code: codeOf(error) }, `translation failed: ${causeChain(error)}`);
    }
    this.#writing.changed();
  }

  async #write(): Promise<void> {
    const { clock, log } = this.#parts;
    if (this.#authority === undefined) return;
    try {
      const gateways = reportGateways(this.#tables, this.#mesh, clock.now());
      const findings = withoutRepeats([
        ...refusalFindings(this.#xds.standing()),
        ...this.#translation.findings,
        ...gateways.findings,
      ]);
      const roots = rootCertificateChanges(this.#tables, this.#authority.rootPem);
      const waypoints = provisionChanges(this.#tables, this.#provision);
      const writes = statusWrites(this.#tables, findings, gateways.fields, clock.now());
      for (const _ of writes) this.#metrics.count('ambit_controller_status_writes_total');
      const done = await Promise.all([
        this.#applier.apply(roots),
        this.#applier.apply(waypoints),
        this.#writer.write(writes),
      ]);
      if (done.every(Boolean)) this.#writeRetry.reset();
      else void this.#writeLater();
    } catch (error) {
      log.error({ code: codeOf(error) }, `writing to the API failed: ${causeChain(error)}`);
      void this.#writeLater();
    }
  }

  async #writeLater(): Promise<void> {
    if (this.#writeRetryWaits) return;
    this.#writeRetryWaits = true;
    try {
      await this.#writeRetry.wait(this.#end.signal);
      this.#writing.changed();
    } catch {
      // Disposed while waiting: nothing is written any more.
    } finally {
      this.#writeRetryWaits = false;
    }
  }
}

/** The DNS names that proxies call the controller by. */
function servingNames(settings: ControllerSettings): string[] {
  const { POD_NAMESPACE, CLUSTER_DOMAIN, ISTIOD_CUSTOM_HOST } = settings;
  const more = ISTIOD_CUSTOM_HOST.split(',').map((name) => name.trim());
  return [
    `istiod.${POD_NAMESPACE}.svc`,
    `istiod.${POD_NAMESPACE}.svc.${CLUSTER_DOMAIN}`,
    ...more.filter((name) => name !== '' && name !== '-'),
  ];
}
