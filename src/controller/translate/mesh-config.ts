// Istio's MeshConfig (features section 3.3): the key `mesh` of the ConfigMap `istio` in the root namespace.
// Read live; what has no effect is named, and a version that cannot be read takes nothing out of force.

import { parseDocument } from 'yaml';
import type { ConfigMap } from '../kinds/core.ts';
import { type AccessLogConfig, accessLogFields, readAccessLog } from './access-log-config.ts';
import type { Problem } from './finding.ts';
import type { LabelRequirement } from './label-selector.ts';
import {
  readTrafficDefaults,
  type TrafficDefaults,
  trafficDefaultFields,
} from './traffic-defaults.ts';
import type { EntryVisibility, VisibilityRules } from './visibility.ts';

/** What the mesh's administrators decide. */
export interface MeshConfig {
  /** What becomes of connections to what the mesh does not know. */
  readonly outboundPolicy: 'allow-any' | 'registry-only';
  /** Namespaces that one of these selects are in the mesh; all are when absent. */
  readonly discoverySelectors?: readonly LabelRequirement[];
  /** Absent, every ServiceEntry is public, and none is told so. */
  readonly serviceEntryVisibility?: VisibilityRules;
  /** What lies beneath all DestinationRules. */
  readonly traffic: TrafficDefaults;
  /** Absent, waypoints write lines of their own form. */
  readonly accessLog?: AccessLogConfig;
}

/** In force without a ConfigMap. */
export const defaultMeshConfig: MeshConfig = { outboundPolicy: 'allow-any', traffic: {} };

/** A configuration, what is wrong with it, and what of it has no effect. */
export interface MeshConfigReading {
  /** Absent when it cannot be used. */
  readonly config?: MeshConfig;
  readonly problems: readonly Problem[];
  /** Fields that have no effect here. */
  readonly ignored: readonly string[];
}

/** Fields that say what holds here anyway, or that other settings hold. */
const known = new Set([
  'outboundTrafficPolicy',
  'serviceEntryVisibility',
  'discoverySelectors',
  ...trafficDefaultFields,
  ...accessLogFields,
]);

/** Reads a ConfigMap. `holding` are values of fields that hold here by other settings, or always: nobody needs
 * to be told that they have no effect. */
export function readMeshConfig(
  object: ConfigMap,
  holding: Readonly<Record<string, unknown>> = {},
): MeshConfigReading {
  const text = object.data?.['mesh'];
  if (text === undefined || text.trim() === '') {
    return { config: defaultMeshConfig, problems: [], ignored: [] };
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) return refuse('', `is not YAML: ${error.message.split('\n')[0] ?? ''}`);
  const root: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isRecord(root)) return refuse('', 'must be a map of fields');
  const problems: Problem[] = [];
  const outboundPolicy = outboundPolicyOf(root['outboundTrafficPolicy'], problems);
  const serviceEntryVisibility = visibilityOf(root['serviceEntryVisibility'], problems);
  const discoverySelectors = discoveryOf(root['discoverySelectors'], problems);
  const traffic = readTrafficDefaults(root);
  const { accessLog, ...logging } = readAccessLog(root);
  const found = [...traffic.problems, ...logging.problems];
  problems.push(...found.map(({ field, text }) => problem(field, text)));
  if (problems.length > 0) return { problems, ignored: [] };
  return {
    config: {
      outboundPolicy,
      ...(serviceEntryVisibility && { serviceEntryVisibility }),
      ...(discoverySelectors && { discoverySelectors }),
      traffic: traffic.defaults,
      ...(accessLog && { accessLog }),
    },
    problems,
    ignored: [...ignoredFields(root, holding), ...logging.ignored],
  };
}

function ignoredFields(
  root: Readonly<Record<string, unknown>>,
  holding: Readonly<Record<string, unknown>>,
): string[] {
  const others = Object.entries(root).filter(([field]) => !known.has(field));
  return others
    .filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(holding[field]))
    .map(([field]) => field);
}

function refuse(field: string, text: string): MeshConfigReading {
  return { problems: [problem(field, text)], ignored: [] };
}

function problem(field: string, text: string): Problem {
  return { code: 'AMB1661', field: field === '' ? 'data.mesh' : `data.mesh ${field}`, text };
}

function outboundPolicyOf(value: unknown, problems: Problem[]): MeshConfig['outboundPolicy'] {
  if (value === undefined || value === null) return 'allow-any';
  const mode = isRecord(value) ? (value['mode'] ?? 'ALLOW_ANY') : undefined;
  if (mode === 'REGISTRY_ONLY') return 'registry-only';
  if (mode !== 'ALLOW_ANY' && mode !== 'ALLOW_ANY_DYNAMIC_DNS') {
    const text = `${JSON.stringify(mode)} must be ALLOW_ANY or REGISTRY_ONLY`;
    problems.push(problem('outboundTrafficPolicy.mode', text));
  }
  return 'allow-any';
}

const visibilities: Readonly<Record<string, EntryVisibility>> = {
  NONE: 'none',
  NAMESPACE: 'namespace',
  PUBLIC: 'public',
};

function visibilityOf(value: unknown, problems: Problem[]): VisibilityRules | undefined {
  if (value === undefined || value === null) return undefined;
  const path = 'serviceEntryVisibility';
  if (!isRecord(value)) {
    problems.push(problem(path, 'must be a map of fields'));
    return undefined;
  }
  const { policies = [], defaultVisibility } = value;
  if (!Array.isArray(policies)) problems.push(problem(`${path}.policies`, 'must be a list'));
  return {
    defaultVisibility: wordOf(defaultVisibility, `${path}.defaultVisibility`, problems),
    policies: (Array.isArray(policies) ? (policies as unknown[]) : []).map((policy, index) => {
      const at = `${path}.policies[${index}]`;
      const { visibility, matchingRules } = isRecord(policy) ? policy : {};
      const rules: readonly unknown[] = Array.isArray(matchingRules) ? matchingRules : [];
      if (rules.length === 0) problems.push(problem(`${at}.matchingRules`, 'must have an entry'));
      return {
        visibility: wordOf(visibility, `${at}.visibility`, problems),
        selectors: rules.map((rule) => selectorOf(rule, `${at}.matchingRules`, problems)),
      };
    }),
  };
}

function wordOf(value: unknown, path: string, problems: Problem[]): EntryVisibility {
  if (value === undefined) return 'public';
  const found = typeof value === 'string' ? visibilities[value] : undefined;
  if (found === undefined) {
    const text = `${JSON.stringify(value)} must be NONE, NAMESPACE or PUBLIC`;
    problems.push(problem(path, text));
  }
  return found ?? 'public';
}

function selectorOf(rule: unknown, path: string, problems: Problem[]): LabelRequirement {
  const selector = isRecord(rule) ? rule['namespaceSelector'] : undefined;
  if (isRecord(selector) && isSelector(selector)) return selector;
  problems.push(problem(path, 'must have a namespaceSelector with matchLabels or expressions'));
  return {};
}

/** None of an empty list, which is as if it were absent. */
function discoveryOf(value: unknown, problems: Problem[]): LabelRequirement[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) {
    problems.push(problem('discoverySelectors', 'must be a list of label selectors'));
    return undefined;
  }
  const selectors = (value as readonly unknown[]).flatMap((one, index) => {
    if (isRecord(one) && isSelector(one) && hasOnlyKnown(one)) return [one];
    const text = `must be a label selector: matchLabels, and matchExpressions with ${operators.join(', ')}`;
    problems.push(problem(`discoverySelectors[${index}]`, text));
    return [];
  });
  return selectors.length === 0 ? undefined : selectors;
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** A mistyped field would select everything. */
function hasOnlyKnown(selector: LabelRequirement): boolean {
  return (
    Object.keys(selector).every((key) => key === 'matchLabels' || key === 'matchExpressions') &&
    (selector.matchExpressions ?? []).every(({ operator }) => operators.includes(operator))
  );
}

function isSelector(
  value: Readonly<Record<string, unknown>>,
): value is LabelRequirement & typeof value {
  const { matchLabels = {}, matchExpressions = [] } = value;
  return (
    isRecord(matchLabels) &&
    Object.values(matchLabels).every((label) => typeof label === 'string') &&
    Array.isArray(matchExpressions) &&
    matchExpressions.every(
      (one) =>
        isRecord(one) && typeof one['key'] === 'string' && typeof one['operator'] === 'string',
    )
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
