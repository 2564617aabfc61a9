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
import type { CertificateAuthority, SigningAuthority } from './ca/authority.ts';
import { LiveAuthority } from './ca/live-authority.ts';
import { loadAuthority } from './ca/load-authority.ts';
import type { PodDirectory } from './ca/may-have-identity.ts';
import { ServingCertificate } from './ca/serving-certificate.ts';
import { SigningServer } from './ca/signing-server.ts';
import { CredentialDelivery } from './credential-delivery.ts';
import { Debouncer } from './debouncer.ts';
import type { Changes } from './desired.ts';
import { reportGateways } from './gateway-status.ts';
import { meshConfigName } from './kinds/kinds.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { ObjectApplier } from './kubernetes/apply-objects.ts';
import { ApiSecrets } from './kubernetes/secrets.ts';
import { TokenReviewer } from './kubernetes/verify-token.ts';
import { ObjectWatcher } from './kubernetes/watch-objects.ts';
import { StatusWriter } from './kubernetes/write-status.ts';
import { lastValidChanges, lastValidFindings, savedVersions } from './last-valid.ts';
import { controllerMetrics } from './metrics.ts';
import { ObjectTables } from './objects.ts';
import { onHost } from './on-host.ts';
import { provisionChanges } from './provision.ts';
import { GrpcServer } from './publish/grpc-server.ts';
import { XdsServer } from './publish/xds-server.ts';
import { refusalFindings } from './refusals.ts';
import { revocationListChanges, rootCertificateChanges } from './root-certificates.ts';
import { routeParents } from './route-status.ts';
import { addressRanges, type ControllerSettings, servingNames } from './settings.ts';
import { statusWrites } from './status.ts';
import { type Finding, withoutRepeats } from './translate/finding.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import type { Translation } from './translate/snapshot.ts';
import { Translator } from './translator.ts';
import { WaypointBypasses } from './waypoint-bypasses.ts';
import type { ProvisionOptions } from './waypoint-deployment.ts';

/** Changes are gathered this long before they are translated. */
const gathering = { quietMs: 5, maxMs: 100 } as const;
/** Writes to the API are gathered longer, and tried again after a failure. */
const writing = { quietMs: 20, maxMs: 200 } as const;
const startRetry = { firstMs: 50, maxMs: 2000, jitter: 0.2 } as const;
const writeRetry = { firstMs: 250, maxMs: 30_000, jitter: 0.2 } as const;

const noChanges: Changes = { apply: [], remove: [] };
const emptyTranslation: Translation = {
  snapshot: {
    workloads: new Map(),
    services: new Map(),
    authorizations: new Map(),
    serviceConfigs: new Map(),
    workloadLabels: new Map(),
  },
  findings: [],
  logging: {},
  allocations: [],
  routes: [],
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
  readonly #registry = createRegistry();
  readonly #metrics = controllerMetrics(this.#registry);
  readonly #bypasses = new WaypointBypasses(this.#registry);
  readonly #readiness = new Readiness();
  readonly #translator: Translator;
  readonly #tables: ObjectTables;
  readonly #xds: XdsServer;
  readonly #verifier: TokenReviewer;
  readonly #watcher: ObjectWatcher;
  readonly #credentials: CredentialDelivery;
  readonly #writer: StatusWriter;
  readonly #applier: ObjectApplier;
  readonly #translating: Debouncer;
  readonly #writing: Debouncer;
  readonly #writeRetry: Backoff;
  #authority: LiveAuthority | undefined;
  #writeRetryWaits = false;
  #translation: Translation = emptyTranslation;
  #ports: ControllerPorts = { grpc: 0, monitoring: 0, readiness: 0 };
  #synced = false;

  constructor(parts: ControllerParts) {
    const { client, settings, clock, log } = parts;
    this.#parts = parts;
    this.#mesh = {
      clusterId: settings.CLUSTER_ID,
      trustDomain: settings.TRUST_DOMAIN,
      clusterDomain: settings.CLUSTER_DOMAIN,
      rootNamespace: settings.POD_NAMESPACE,
      network: '',
      addressRanges: addressRanges(settings),
    };
    this.#provision = {
      mesh: this.#mesh,
      waypointImage: settings.WAYPOINT_IMAGE,
      controllerAddress: `istiod.${settings.POD_NAMESPACE}.svc:15012`,
      spansTo: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    };
    this.#translating = new Debouncer(gathering, clock, () => this.#translate());
    this.#writing = new Debouncer(writing, clock, () => this.#write());
    this.#writeRetry = new Backoff(writeRetry, clock);
    this.#tables = new ObjectTables((kind, object) => {
      const counts = this.#translator.changed(kind, object);
      if (this.#synced) (counts ? this.#translating : this.#writing).changed();
    });
    this.#translator = new Translator(this.#tables, this.#mesh, clock, this.#end.signal);
    this.#watcher = new ObjectWatcher(client, this.#tables, clock, log);
    this.#verifier = new TokenReviewer(client, clock);
    this.#writer = new StatusWriter(client, clock, log);
    this.#applier = new ObjectApplier(client, clock, log);
    this.#xds = new XdsServer({
      verifier: this.#verifier,
      clock,
      log,
      onPush: (typeUrl) => this.#metrics.pushed(typeUrl),
      onRefusal: ({ typeUrl }) => this.#metrics.refused(typeUrl),
      onStandingChange: () => this.#writing.changed(),
    });
    this.#credentials = new CredentialDelivery({
      client,
      clock,
      log,
      publish: (credentials) => this.#xds.publishCredentials(credentials),
      onChange: () => this.#writing.changed(),
    });
    this.#registry.beforeReading(() => this.#metrics.connected(this.#xds.connected().length));
    processMetrics(this.#registry, clock.now());
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
    this.#translating.changed();
    const certificate = this.#stack.use(
      new ServingCertificate(authority, servingNames(settings), clock, log),
    );
    authority.subscribe((what) => {
      if (what === 'authority') certificate.renew();
      this.#writing.changed();
    });
    const signing = this.#signingServer(authority);
    const server = await onHost(settings.LISTEN_HOST, settings.GRPC_PORT, (host) =>
      GrpcServer.listen({
        address: `${host.includes(':') ? `[${host}]` : host}:${settings.GRPC_PORT}`,
        certificate,
        xds: this.#xds,
        signing,
      }),
    );
    this.#stack.use(server);
    this.#ports = { ...this.#ports, grpc: server.port };
    this.#readiness.unblock('listener');
    log.info({ port: server.port, version: this.#xds.snapshot.hash }, 'serving proxies');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#readiness.block('end of the process');
    this.#end.abort();
    await this.#translating[Symbol.asyncDispose]();
    await this.#writing[Symbol.asyncDispose]();
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
    };
    const open = async (port: number, routes: ReturnType<typeof probeRoutes>) =>
      this.#stack.use(
        await onHost(LISTEN_HOST, port, (host) => startAdminServer({ host, port }, routes)),
      );
    const readiness = await open(READINESS_PORT, probeRoutes(parts));
    const monitoring = await open(MONITORING_PORT, monitoringRoutes(parts));
    this.#ports = { ...this.#ports, readiness: readiness.port, monitoring: monitoring.port };
  }

  #signingServer(authority: SigningAuthority): SigningServer {
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
      onIssued: () => this.#metrics.issued(),
    });
  }

  async #translate(): Promise<void> {
    const { log } = this.#parts;
    try {
      const { translation, published, problems } = await this.#translator.translate();
      this.#translation = translation;
      for (const { name, error } of problems) {
        log.error({ code: codeOf(error), resource: name }, `not published: ${causeChain(error)}`);
      }
      const { workloads, services } = translation.snapshot;
      this.#metrics.translated(workloads.size, services.size);
      this.#bypasses.published(services, log);
      if (published.hash !== this.#xds.snapshot.hash) {
        log.debug({ version: published.hash }, 'publishing');
        this.#xds.publish(published);
      }
      this.#credentials.update(translation.snapshot.serviceConfigs);
    } catch (error) {
      if (this.#end.signal.aborted) return;
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
        ...this.#credentials.findings(this.#tables.list('DestinationRule')),
        ...lastValidFindings(this.#translator.versions.kept),
        ...gateways.findings,
      ]);
      const roots = rootCertificateChanges(this.#tables, this.#authority.rootPem);
      const lists = this.#listChanges(this.#authority);
      const saved = this.#versionChanges();
      const waypoints = this.#waypointChanges();
      const writes = statusWrites(
        this.#tables,
        findings,
        [
          ...gateways.fields,
          ...this.#translation.allocations,
          ...routeParents(this.#translation.routes, findings, clock.now()),
        ],
        clock.now(),
      );
      this.#metrics.wroteStatus(writes.length);
      const done = await Promise.all([
        this.#applier.apply(saved),
        this.#applier.apply(roots),
        this.#applier.apply(lists),
        this.#applier.apply(waypoints),
        this.#writer.write(writes),
        this.#announceMeshConfig(findings),
      ]);
      if (done.every(Boolean)) this.#writeRetry.reset();
      else void this.#writeLater();
    } catch (error) {
      log.error({ code: codeOf(error) }, `writing to the API failed: ${causeChain(error)}`);
      void this.#writeLater();
    }
  }

  #listChanges({ revocationLists }: LiveAuthority): Changes {
    if (revocationLists === undefined || !this.#parts.settings.PILOT_ENABLE_CA_CRL) {
      return { apply: [], remove: [] };
    }
    return revocationListChanges(this.#tables, revocationLists);
  }

  async #announceMeshConfig(findings: readonly Finding[]): Promise<boolean> {
    const own = findings.filter(({ object }) => object.kind === 'MeshConfig');
    const object = this.#tables.get('MeshConfig', this.#mesh.rootNamespace, meshConfigName);
    if (object !== undefined) await this.#writer.announce({ ...object, kind: 'ConfigMap' }, own);
    return true;
  }

  /** None before the first translation: the Deployments depend on what MeshConfig says. */
  #waypointChanges(): Changes {
    if (this.#translation === emptyTranslation) return noChanges;
    return provisionChanges(this.#tables, { ...this.#provision, ...this.#translation.logging });
  }

  /** Nothing before the first translation, which alone tells what is invalid. */
  #versionChanges(): Changes {
    if (this.#translation === emptyTranslation) return noChanges;
    return lastValidChanges(
      this.#tables,
      this.#translator.versions.kept,
      this.#mesh.rootNamespace,
      (kind) => this.#watcher.isListed(kind),
      this.#parts.clock.now(),
    );
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
