// What the validating webhook counts, under Istio's names.

import type { MetricsRegistry } from '../../runtime/metrics.ts';
import type { ReviewedResource } from './review.ts';

/** The metrics of admission by event. */
export interface AdmissionMetrics {
  passed(resource: ReviewedResource): void;
  failed(resource: ReviewedResource, reason: string): void;
  /** A request that held no question, by its HTTP status. */
  unreadable(status: number): void;
  /** The webhook configuration was changed by us. */
  updated(): void;
  notUpdated(reason: string): void;
}

/** Registers the metrics. */
export function admissionMetrics(registry: MetricsRegistry): AdmissionMetrics {
  const passed = registry.counter<'group' | 'version' | 'resource'>({
    name: 'galley_validation_passed',
    help: 'objects that the webhook accepted',
    labels: ['group', 'version', 'resource'],
  });
  const failed = registry.counter<'group' | 'version' | 'resource' | 'reason'>({
    name: 'galley_validation_failed',
    help: 'objects that the webhook refused, by reason',
    labels: ['group', 'version', 'resource', 'reason'],
  });
  const unreadable = registry.counter<'status'>({
    name: 'galley_validation_http_error',
    help: 'requests to the webhook that held no question, by HTTP status',
    labels: ['status'],
  });
  const updates = registry.counter({
    name: 'galley_validation_config_updates',
    help: 'changes of the webhook configuration by the controller',
  });
  const failures = registry.counter<'reason'>({
    name: 'galley_validation_config_update_error',
    help: 'failures to change the webhook configuration, by reason',
    labels: ['reason'],
  });
  return {
    passed: ({ group, version, resource }) => passed.add({ group, version, resource }),
    failed: ({ group, version, resource }, reason) =>
      failed.add({ group, version, resource, reason }),
    unreadable: (status) => unreadable.add({ status: String(status) }),
    updated: () => updates.add({}),
    notUpdated: (reason) => failures.add({ reason }),
  };
}
