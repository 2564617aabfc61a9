// The services that this waypoint serves, compiled once per change, and the labels of workloads.

import type { ResourceBatch } from '../../dataplane/subscription-kind.ts';
import { compilePolicies } from '../../mesh/authorize-request.ts';
import { compileRoutes } from '../../mesh/choose-route.ts';
import type { DestinationRules } from '../../mesh/destination.ts';
import type { ServiceRules } from '../../mesh/plan-request.ts';
import type { ServiceConfig, WorkloadLabels } from '../../mesh/route.ts';
import type { CompileRegex } from '../../mesh/text-match.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import type { Logger } from '../../runtime/log.ts';
import { declaredUid } from '../upstream/endpoints.ts';

/** One service, ready for use. */
export interface ServedService extends ServiceRules {
  readonly config: ServiceConfig;
  readonly destination?: DestinationRules;
}

const noLabels: Readonly<Record<string, string>> = {};

export class ServiceTable {
  readonly #services = new Map<string, ServedService>();
  readonly #labels = new Map<string, WorkloadLabels>();
  readonly #compileRegex: CompileRegex;
  readonly #log: Logger;
  #labelsVersion = 0;

  constructor(options: { readonly compileRegex: CompileRegex; readonly log: Logger }) {
    this.#compileRegex = options.compileRegex;
    this.#log = options.log;
  }

  applyServices(batch: ResourceBatch<ServiceConfig>): void {
    for (const name of batch.removed) this.#services.delete(name);
    for (const [name, config] of batch.updated) this.#services.set(name, this.#compile(config));
  }

  applyLabels(batch: ResourceBatch<WorkloadLabels>): void {
    this.#labelsVersion++;
    for (const name of batch.removed) this.#labels.delete(name);
    for (const [name, labels] of batch.updated) this.#labels.set(name, labels);
  }

  get(key: ServiceKey): ServedService | undefined {
    return this.#services.get(key);
  }

  /** All configurations as they came. */
  configs(): readonly ServiceConfig[] {
    return [...this.#services.values()].map(({ config }) => config);
  }

  /** Another number whenever labels have changed. */
  get labelsVersion(): number {
    return this.#labelsVersion;
  }

  /** The labels of a workload; none when they are not known. */
  labelsOf(uid: string): Readonly<Record<string, string>> {
    const own = this.#labels.get(uid) ?? this.#labels.get(declaredUid(uid));
    return own?.labels ?? noLabels;
  }

  #compile(config: ServiceConfig): ServedService {
    const routes = compileRoutes(config.routes, this.#compileRegex);
    const policies = compilePolicies(config.policies);
    for (const { origin, problem } of routes.problems) {
      this.#log.warn({ code: 'AMB1714', object: origin, problem }, 'a match can never hold');
    }
    for (const { policy, problem } of policies.problems) {
      const object = `AuthorizationPolicy ${policy}`;
      this.#log.warn({ code: 'AMB1714', object, problem }, 'a policy rule fails closed');
    }
    const { service, destination } = config;
    return {
      config,
      service,
      routes,
      policies,
      ...(destination === undefined ? {} : { destination }),
    };
  }
}
