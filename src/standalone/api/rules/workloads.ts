// Deployments, ReplicaSets and DaemonSets: the selector belongs to the template and never changes.

import { jsonEqual, listAt, recordAt } from '../json.ts';
import { selectorMatches } from '../selectors/label-selector.ts';
import { completePodSpec } from './pod-spec.ts';
import { immutable, type KindRules, missing, refused } from './rules.ts';

/** Completes templates and keeps selectors. */
export const workloadRules: KindRules = {
  prepare(_core, object) {
    completePodSpec(recordAt(object.spec, 'template', 'spec'));
    const strategy = recordAt(object.spec, 'strategy') ?? recordAt(object.spec, 'updateStrategy');
    if (strategy?.['type'] !== 'RollingUpdate') return;
    const usual = usualUpdates[object.kind];
    if (usual !== undefined) {
      strategy['rollingUpdate'] = { ...usual, ...recordAt(strategy, 'rollingUpdate') };
    }
  },
  problems(_core, object, previous) {
    const selector = recordAt(object.spec, 'selector');
    if (selector === undefined) return [missing('spec.selector')];
    const labels = recordAt(object.spec, 'template', 'metadata', 'labels') ?? {};
    const problems = [];
    if (Object.keys(selector).length === 0) {
      problems.push(refused('spec.selector', selector, 'empty selector is invalid for a workload'));
    }
    if (!selectorMatches(selector, labels)) {
      problems.push(
        refused(
          'spec.template.metadata.labels',
          labels,
          '`selector` does not match template `labels`',
        ),
      );
    }
    if (listAt(object.spec, 'template', 'spec', 'containers').length === 0) {
      problems.push(missing('spec.template.spec.containers'));
    }
    const update = recordAt(object.spec, 'updateStrategy', 'rollingUpdate');
    if (update !== undefined && isSome(update['maxSurge']) && isSome(update['maxUnavailable'])) {
      const at = 'spec.updateStrategy.rollingUpdate.maxSurge';
      const problem = 'may not be set when maxUnavailable is non-zero';
      problems.push(refused(at, update['maxSurge'], problem));
    }
    const before = recordAt(previous?.spec, 'selector');
    if (before !== undefined && !jsonEqual(before, selector)) {
      problems.push(immutable('spec.selector', selector));
    }
    return problems;
  },
};

/** Whether an amount, a number or a share, is above none. */
function isSome(amount: unknown): boolean {
  return typeof amount === 'string' ? Number.parseInt(amount, 10) !== 0 : (amount ?? 0) !== 0;
}

/** What a rolling update does unless it is told otherwise. */
const usualUpdates: Readonly<Record<string, object>> = {
  Deployment: { maxSurge: '25%', maxUnavailable: '25%' },
  DaemonSet: { maxSurge: 0, maxUnavailable: 1 },
};
