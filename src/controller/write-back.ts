// What the controller writes to the API: statuses, waypoints, certificates for proxies, saved versions.
// Gathered, tried again after failures, and only while this replica leads.

import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { LiveAuthority } from './ca/live-authority.ts';
import type { CredentialDelivery } from './credential-delivery.ts';
import { Debouncer } from './debouncer.ts';
import type { Changes } from './desired.ts';
import { reportGateways } from './gateway-status.ts';
import type { KindName } from './kinds/kinds.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { ObjectApplier } from './kubernetes/apply-objects.ts';
import type { Term } from './kubernetes/leader-election.ts';
import { StatusWriter } from './kubernetes/write-status.ts';
import { lastValidChanges, lastValidFindings } from './last-valid.ts';
import type { ControllerMetrics } from './metrics.ts';
import type { ObjectSource, ObjectTables } from './objects.ts';
import { provisionWaypoints } from './provision.ts';
import type { XdsServer } from './publish/xds-server.ts';
import { refusalFindings } from './refusals.ts';
import { revocationListChanges, rootCertificateChanges } from './root-certificates.ts';
import { routeParents } from './route-status.ts';
import { abandonedRefusals, refusalsOfOthers } from './shared-refusals.ts';
import { hasNoStatus, statusWrites } from './status.ts';
import { type Finding, withoutRepeats } from './translate/finding.ts';
import { readable, writable } from './translate/scope.ts';
import type { Translation } from './translate/snapshot.ts';
import { gatewayNameLabel } from './translate/waypoint-labels.ts';
import type { Translator } from './translator.ts';
import type { ProvisionOptions } from './waypoint-deployment.ts';
import type { WaypointParameters } from './waypoint-parameters.ts';

/** Writes to the API are gathered, and tried again after a failure. */
const writing = { quietMs: 20, maxMs: 200 } as const;
const writeRetry = { firstMs: 250, maxMs: 30_000, jitter: 0.2 } as const;

const noChanges: Changes = { apply: [], remove: [] };

/** Whether the change of an object may ask for something to be written, beside what comes of translating it. Pods,
 * nodes and slices change all the time; of them only the pods of waypoints are spoken of, and those of the
 * controller's namespace, among which its replicas are, count. */
export function concernsWriting(
  kind: KindName,
  { metadata }: KubernetesObject,
  rootNamespace: string,
): boolean {
  if (kind === 'Pod') {
    const isOfWaypoint = metadata.labels?.[gatewayNameLabel] !== undefined;
    return isOfWaypoint || metadata.namespace === rootNamespace;
  }
  return kind !== 'Node' && kind !== 'EndpointSlice';
}

/** Where what is written comes from. */
export interface WriteBackParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tables: ObjectTables;
  readonly translator: Translator;
  readonly xds: XdsServer;
  readonly credentials: CredentialDelivery;
  readonly metrics: ControllerMetrics;
  readonly provision: ProvisionOptions;
  readonly parameters: WaypointParameters;
  /** Whether revocation lists are given to proxies. */
  readonly givesRevocationLists: boolean;
  /** The name of the pod of this replica. */
  readonly podName: string;
  readonly isListed: (kind: KindName) => boolean;
  /** Undefined while it is being loaded. */
  readonly authority: () => LiveAuthority | undefined;
  /** Undefined before the first translation, on which what is wanted depends. */
  readonly translation: () => Translation | undefined;
  /** Undefined while another replica leads. */
  readonly term: () => Term | undefined;
}

/** Writes after changes have settled. */
export class WriteBack implements AsyncDisposable {
  readonly #parts: WriteBackParts;
  readonly #end = new AbortController();
  readonly #writer: StatusWriter;
  readonly #applier: ObjectApplier;
  readonly #writing: Debouncer;
  readonly #retry: Backoff;
  #retryWaits = false;

  constructor(parts: WriteBackParts) {
    const { client, clock, log } = parts;
    this.#parts = parts;
    this.#writer = new StatusWriter(client, clock, log);
    this.#applier = new ObjectApplier(client, clock, log);
    this.#writing = new Debouncer(writing, clock, () => this.#write());
    this.#retry = new Backoff(writeRetry, clock);
  }

  /** Notes that something to write may have changed. */
  changed(): void {
    this.#writing.changed();
  }

  /** Resolves when nothing is being written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#writing[Symbol.asyncDispose]();
  }

  async #write(): Promise<void> {
    const { log } = this.#parts;
    const term = this.#parts.term();
    const authority = this.#parts.authority();
    const translation = this.#parts.translation();
    if (term === undefined || authority === undefined || translation === undefined) return;
    try {
      if (await this.#writeAll(term, authority, translation)) this.#retry.reset();
      else void this.#writeLater();
    } catch (error) {
      log.error({ code: codeOf(error) }, `writing to the API failed: ${causeChain(error)}`);
      void this.#writeLater();
    }
  }

  async #writeAll(
    term: Term,
    authority: LiveAuthority,
    translation: Translation,
  ): Promise<boolean> {
    const { clock, tables, metrics, provision, parameters } = this.#parts;
    const { scope } = translation;
    const own = writable(tables, scope);
    const inMesh = readable(own, scope);
    parameters.update(inMesh);
    // What is not known yet would be told as missing; there will be another change.
    if (parameters.isPending) return true;
    const nowMs = clock.now();
    const { changes, problems } = provisionWaypoints(
      inMesh,
      { ...provision, ...translation.logging },
      { parameters: parameters.get, isSettled: this.#applier.isSettled },
    );
    const roots = rootCertificateChanges(own, authority.rootPem);
    const lists = this.#listChanges(own, authority);
    // First, since authors are told of what came of it.
    const provisioned = await Promise.all(
      [this.#ownChanges(), roots, lists, changes].map((each) => this.#applier.apply(each, term)),
    );
    this.#applier.keepOnly(
      ({ kind, namespace, name }) => tables.get(kind, namespace, name) !== undefined,
      [...roots.apply, ...lists.apply],
    );
    const gateways = reportGateways(inMesh, provision.mesh, problems, nowMs);
    const findings = withoutRepeats([...this.#findings(translation), ...gateways.findings]);
    const fields = [
      ...gateways.fields,
      ...translation.allocations,
      ...routeParents(translation.routes, findings, nowMs),
    ];
    const writes = statusWrites(own, findings, fields, nowMs);
    metrics.wroteStatus(writes.length);
    const told = await Promise.all([
      this.#writer.write(writes, term),
      this.#announceConfigMaps(findings, term),
    ]);
    return [...provisioned, ...told].every(Boolean);
  }

  #findings(translation: Translation): Finding[] {
    const { xds, credentials, tables, translator, provision, podName } = this.#parts;
    const others = refusalsOfOthers(tables, provision.mesh.rootNamespace, podName);
    return [
      ...this.#applier.findings(),
      ...refusalFindings([...xds.standing(), ...others]),
      ...translation.findings,
      ...credentials.findings(tables.list('DestinationRule')),
      ...lastValidFindings(translator.versions.kept),
    ];
  }

  #listChanges(own: ObjectSource, { revocationLists }: LiveAuthority): Changes {
    const { givesRevocationLists } = this.#parts;
    if (revocationLists === undefined || !givesRevocationLists) return noChanges;
    return revocationListChanges(own, revocationLists);
  }

  #ownChanges(): Changes {
    const { tables, translator, provision, isListed, clock, podName } = this.#parts;
    const { rootNamespace } = provision.mesh;
    const abandoned = abandonedRefusals(tables, rootNamespace, podName);
    const { apply, remove } = lastValidChanges(
      tables,
      translator.versions.kept,
      rootNamespace,
      isListed,
      clock.now(),
    );
    return { apply, remove: [...remove, ...abandoned] };
  }

  /** Events on ConfigMaps, which have no status. */
  async #announceConfigMaps(findings: readonly Finding[], term: Term): Promise<boolean> {
    const { tables } = this.#parts;
    const own = findings.filter(({ object: { kind } }) => hasNoStatus(kind));
    const byObject = Map.groupBy(own, ({ object }) => JSON.stringify(object));
    for (const all of byObject.values()) {
      const [{ object: reference } = {}] = all;
      if (reference === undefined) continue;
      const { kind, namespace, name } = reference;
      const object = tables.get(kind, namespace, name);
      if (object !== undefined) {
        await this.#writer.announce({ ...object, kind: 'ConfigMap' }, all, term);
      }
    }
    return true;
  }

  async #writeLater(): Promise<void> {
    if (this.#retryWaits) return;
    this.#retryWaits = true;
    try {
      await this.#retry.wait(this.#end.signal);
      this.#writing.changed();
    } catch {
      // Disposed while waiting: nothing is written any more.
    } finally {
      this.#retryWaits = false;
    }
  }
}
