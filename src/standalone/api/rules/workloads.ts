// Deployments, ReplicaSets and DaemonSets: the selector belongs to the template and never changes.

import { jsonEqual, listAt, recordAt } from '../json.ts';
import { selectorMatches } from '../selectors/label-selector.ts';
import { immutable, type KindRules, missing, refused } from './rules.ts';

export const workloadRules: KindRules = {
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
    const before = recordAt(previous?.spec, 'selector');
    if (before !== undefined && !jsonEqual(before, selector)) {
      problems.push(immutable('spec.selector', selector));
    }
    return problems;
  },
};
