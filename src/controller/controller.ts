// Builds the controller from its parts and keeps them working together: objects are watched,
// translated, published; then authors are told and waypoints are made.

import { startAdminServer } from '../runtime/admin-server.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { createRegistry } from '../runtime/metrics.ts';
import { processMetrics } from '../runtime/process-metrics.ts';
import { Readiness } from '../runtime/readiness.ts';
import { type AdminParts, monitoringRoutes, probeRoutes } from './admin.ts';
import { Admission } from './admission/admission.ts';
import { admissionMetrics } from './admission/metrics.ts';
import type { CertificateAuthority } from './ca/authority.ts';
import { LiveAuthority } from './ca/live-authority.ts';
import { loadAuthority } from './ca/load-authority.ts';
import { ServingCertificate } from './ca/serving-certificate.ts';
import { signingServer } from './certificate-service.ts';
import { CredentialDelivery } from './credential-delivery.ts';
import { Debouncer } from './debouncer.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { LeaderElection } from './kubernetes/leader-election.ts';
import { ApiSecrets } from './kubernetes/secrets.ts';
import { TokenReviewer } from './kubernetes/verify-token.ts';
import { ObjectWatcher } from './kubernetes/watch-objects.ts';
import { savedVersions } from './last-valid.ts';
import { controllerMetrics } from './metrics.ts';
import { ObjectTables } from './objects.ts';
import { onHost } from './on-host.ts';
import { GrpcServer } from './publish/grpc-server.ts';
import { XdsServer } from './publish/xds-server.ts';
import { type ControllerSettings, meshOptions, serviceName, servingNames } from './settings.ts';
import { RefusalSharing } from './shared-refusals.ts';
import { type MeshOptions, meshConfigNameOf, withRevision } from './translate/mesh-options.ts';
import type { Translation } from './translate/snapshot.ts';
import { Translator } from './translator.ts';
import { WaypointBypasses } from './waypoint-bypasses.ts';
import { WaypointParameters } from './waypoint-parameters.ts';
import { concernsWriting, WriteBack } from './write-back.ts';

/** Changes are gathered this long before they are translated. */
const gathering = { quietMs: 5, maxMs: 100 } as const;
const startRetry = { firstMs: 50, maxMs: 2000, jitter: 0.2 } as const;

/** The Lease of the replica that writes: a name beside those of Istio, whose controllers may be here too. */
const leaseName = 'ambit-leader';

export interface ControllerParts {
  readonly client: ApiClient;
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ControllerPorts {
  readonly grpc: number;
  readonly webhook: number;
  readonly monitoring: number;
  readonly readiness: number;
}

/** A controller; `start` opens everything, disposal ends it. */
export class Controller implements AsyncDisposable {
  readonly #parts: ControllerParts;
  readonly #mesh: MeshOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #end = new AbortController();
  readonly #registry = createRegistry();
  readonly #metrics = controllerMetrics(this.#registry);
  readonly #admissionMetrics = admissionMetrics(this.#registry);
  readonly #bypasses = new WaypointBypasses(this.#registry);
  readonly #readiness = new Readiness();
  readonly #translator: Translator;
  readonly #tables: ObjectTables;
  readonly #xds: XdsServer;
  readonly #verifier: TokenReviewer;
  readonly #watcher: ObjectWatcher;
  readonly #credentials: CredentialDelivery;
  readonly #parameters: WaypointParameters;
  readonly #election: LeaderElection;
  readonly #translating: Debouncer;
  readonly #writing: WriteBack;
  readonly #sharing: RefusalSharing;
  #authority: LiveAuthority | undefined;
  #admission: Admission | undefined;
  #translation: Translation | undefined;
  #ports: ControllerPorts = { grpc: 0, webhook: 0, monitoring: 0, readiness: 0 };
  #synced = false;

  constructor(parts: ControllerParts) {
    const { client, settings, clock, log } = parts;
    this.#parts = parts;
    this.#mesh = meshOptions(settings);
    this.#translating = new Debouncer(gathering, clock, () => this.#translate());
    this.#tables = new ObjectTables((kind, object) => {
      const counts = this.#translator.changed(kind, object);
      if (!this.#synced) return;
      if (counts) this.#translating.changed();
      if (concernsWriting(kind, object, settings.POD_NAMESPACE)) this.#writing.changed();
    });
    this.#translator = new Translator(this.#tables, this.#mesh, clock, this.#end.signal);
    this.#watcher = new ObjectWatcher({
      client,
      tables: this.#tables,
      clock,
      log,
      meshConfigName: meshConfigNameOf(this.#mesh),
      onTrouble: (kind, trouble) => this.#metrics.interrupted(kind, trouble),
    });
    this.#verifier = new TokenReviewer(client, clock);
    this.#xds = new XdsServer({
      verifier: this.#verifier,
      clock,
      log,
      onPush: (typeUrl) => this.#metrics.pushed(typeUrl),
      onRefusal: ({ typeUrl }) => this.#metrics.refused(typeUrl),
      onStandingChange: () => {
        this.#writing.changed();
        this.#sharing.changed();
      },
    });
    this.#credentials = new CredentialDelivery({
      client,
      clock,
      log,
      publish: (credentials) => this.#xds.publishCredentials(credentials),
      onChange: () => this.#writing.changed(),
    });
    this.#parameters = new WaypointParameters(client, clock, log, () => this.#writing.changed());
    this.#election = new LeaderElection({
      client,
      clock,
      log,
      namespace: settings.POD_NAMESPACE,
      name: withRevision(leaseName, this.#mesh.revisions[0]),
      identity: settings.POD_NAME,
      onTerm: () => {
        this.#writing.changed();
        this.#admission?.changed();
      },
    });
    this.#writing = this.#writeBack();
    this.#sharing = new RefusalSharing({
      client,
      clock,
      log,
      namespace: settings.POD_NAMESPACE,
      podName: settings.POD_NAME,
      standing: () => this.#xds.standing(),
    });
    this.#registry.beforeReading(() => {
      this.#metrics.connected(this.#xds.connected().length);
      this.#metrics.leads(this.#election.term !== undefined);
    });
    processMetrics(this.#registry, clock.now());
  }

  #writeBack(): WriteBack {
    const { client, settings, clock, log } = this.#parts;
    return new WriteBack({
      client,
      clock,
      log,
      tables: this.#tables,
      translator: this.#translator,
      xds: this.#xds,
      credentials: this.#credentials,
      metrics: this.#metrics,
      provision: {
        mesh: this.#mesh,
        waypointImage: settings.WAYPOINT_IMAGE,
        controllerAddress: `${serviceName(settings)}.${settings.POD_NAMESPACE}.svc:15012`,
        spansTo: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
      },
      parameters: this.#parameters,
      podName: settings.POD_NAME,
      givesRevocationLists: settings.PILOT_ENABLE_CA_CRL,
      isListed: (kind) => this.#watcher.isListed(kind),
      authority: () => this.#authority,
      translation: () => this.#translation,
      term: () => this.#election.term,
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
    for (const name of ['certificate authority', 'objects', 'listener'])
      this.#readiness.block(name);
    this.#stack.use(this.#watcher);
    this.#stack.use(this.#credentials);
    this.#stack.use(this.#parameters);
    const secrets = new ApiSecrets(client, settings.POD_NAMESPACE);
    const [loaded] = await Promise.all([
      this.#loadAuthority(secrets),
      this.#watcher.start().then(() => this.#readiness.unblock('objects')),
      this.#listenHttp(),
    ]);
    const authority = this.#stack.use(
      new LiveAuthority(loaded, { secrets, registry: this.#registry, clock, log }),
    );
    this.#authority = authority;
    this.#restoreVersions();
    // Proxies are let in only after this: they would take an empty answer for the truth.
    await this.#translate();
    this.#synced = true;
    this.#election.start();
    this.#sharing.resume(this.#tables);
    this.#translating.changed();
    const certificate = this.#stack.use(
      new ServingCertificate(authority, servingNames(settings), clock, log),
    );
    authority.subscribe((what) => {
      if (what === 'authority') certificate.renew();
      this.#writing.changed();
      this.#admission?.changed();
    });
    const term = () => this.#election.term;
    const metrics = this.#admissionMetrics;
    this.#admission = this.#stack.use(
      await Admission.start({
        client,
        settings,
        clock,
        log,
        metrics,
        authority,
        certificate,
        term,
      }),
    );
    const signing = signingServer({
      authority,
      verifier: this.#verifier,
      tables: this.#tables,
      settings,
      clock,
      log,
      onIssued: () => this.#metrics.issued(),
    });
    const server = await onHost(settings.LISTEN_HOST, settings.GRPC_PORT, (host) =>
      GrpcServer.listen({
        address: `${host.includes(':') ? `[${host}]` : host}:${settings.GRPC_PORT}`,
        certificate,
        xds: this.#xds,
        signing,
      }),
    );
    this.#stack.use(server);
    this.#ports = { ...this.#ports, grpc: server.port, webhook: this.#admission.port };
    this.#readiness.unblock('listener');
    log.info({ port: server.port, version: this.#xds.snapshot.hash }, 'serving proxies');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#readiness.block('end of the process');
    this.#end.abort();
    this.#election.stop();
    await this.#translating[Symbol.asyncDispose]();
    // Nothing is being written when the Lease is given away.
    await this.#writing[Symbol.asyncDispose]();
    await this.#election[Symbol.asyncDispose]();
    await this.#sharing[Symbol.asyncDispose]();
    this.#xds[Symbol.dispose]();
    await this.#stack.disposeAsync();
  }

  /** Takes back what an earlier process has saved, before anything is published. */
  #restoreVersions(): void {
    const { versions, unreadable } = savedVersions(this.#tables, this.#mesh.rootNamespace);
    this.#translator.versions.restore(versions);
    for (const name of unreadable) {
      this.#parts.log.warn({ code: 'AMB1625', object: `ConfigMap ${name}` }, 'ignored');
    }
  }

  /** Loads the authority, however long the API server is away. */
  async #loadAuthority(secrets: ApiSecrets): Promise<CertificateAuthority> {
    const { settings, clock, log } = this.#parts;
    const backoff = new Backoff(startRetry, clock);
    for (;;) {
      try {
        const authority = await loadAuthority(secrets, settings.TRUST_DOMAIN, clock.now(), log);
        this.#readiness.unblock('certificate authority');
        return authority;
      } catch (error) {
        const code = codeOf(error);
        if (code !== 'AMB1622') throw error;
        log.warn({ code }, `the authority cannot be loaded yet: ${causeChain(error)}`);
        await backoff.wait(this.#end.signal);
      }
    }
  }

  async #listenHttp(): Promise<void> {
    const { LISTEN_HOST, READINESS_PORT, MONITORING_PORT } = this.#parts.settings;
    const parts: AdminParts = {
      readiness: this.#readiness,
      registry: this.#registry,
      xds: this.#xds,
      translation: () => this.#translation,
      leadership: () => ({
        identity: this.#election.identity,
        leads: this.#election.term !== undefined,
        leader: this.#election.holder,
      }),
      troubles: () => this.#watcher.troubles,
    };
    const open = async (port: number, routes: ReturnType<typeof probeRoutes>) =>
      this.#stack.use(
        await onHost(LISTEN_HOST, port, (host) => startAdminServer({ host, port }, routes)),
      );
    const readiness = await open(READINESS_PORT, probeRoutes(parts));
    const monitoring = await open(MONITORING_PORT, monitoringRoutes(parts));
    this.#ports = { ...this.#ports, readiness: readiness.port, monitoring: monitoring.port };
  }

  async #translate(): Promise<void> {
    const { log } = this.#parts;
    try {
      const { translation, published, problems } = await this.#translator.translate();
      // The same where nothing but pods has changed: then there is nothing new to write, or to be told.
      const isSame = translation === this.#translation;
      this.#translation = translation;
      for (const { name, error } of problems) {
        log.error({ code: codeOf(error), resource: name }, `not published: ${causeChain(error)}`);
      }
      const { workloads, services } = translation.snapshot;
      this.#metrics.translated(workloads.size, services.size);
      if (!isSame) this.#bypasses.published(services, log);
      if (published.hash !== this.#xds.snapshot.hash) {
        log.debug({ version: published.hash }, 'publishing');
        this.#xds.publish(published);
      }
      if (isSame) return;
      this.#credentials.update(translation.snapshot.serviceConfigs);
    } catch (error) {
      if (this.#end.signal.aborted) return;
      // A defect here must not take what is in force from the proxies.
      log.error({ code: codeOf(error) }, `translation failed: ${causeChain(error)}`);
    }
    this.#writing.changed();
  }
}
