// What dry-run policies would have done, counted (annotation istio.io/dry-run).

import type { Verdict } from '../mesh/decision.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';

/** Registers the metric; the answer counts the shadow verdict of a decision, if it has one. */
export function dryRunMetrics(registry: MetricsRegistry): (verdict: Verdict) => void {
  const verdicts = registry.counter({
    name: 'ambit_dry_run_verdicts_total',
    help: 'Decisions with dry-run policies in force, by what they would have been.',
    labels: ['verdict', 'policy'],
  });
  return ({ shadow }) => {
    if (shadow !== undefined) {
      verdicts.add({ verdict: shadow.outcome, policy: shadow.policy ?? 'none' });
    }
  };
}
