// What MeshConfig says of connections to all destinations (features section 3.3.1), which lies beneath what
// DestinationRules say.

import type {
  ConnectionPoolSpec,
  LocalityLbSpec,
  OutlierDetectionSpec,
  TcpKeepaliveSpec,
} from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { localityProblems } from './validate-balancers.ts';
import { outlierProblems, poolProblems } from './validate-pools.ts';
import { durationProblems } from './validate-values.ts';

/** The fields in the shapes of MeshConfig. */
export interface TrafficDefaults {
  readonly connectTimeout?: string;
  readonly tcpKeepalive?: TcpKeepaliveSpec;
  readonly h2UpgradePolicy?: string;
  readonly localityLbSetting?: LocalityLbSpec;
  readonly defaultTrafficPolicy?: {
    readonly connectionPool?: ConnectionPoolSpec;
    readonly outlierDetection?: OutlierDetectionSpec;
  };
  readonly defaultDestinationRuleExportTo?: readonly string[];
}

const blocks = ['tcpKeepalive', 'localityLbSetting', 'defaultTrafficPolicy'] as const;

/** The names of the fields. */
export const trafficDefaultFields: readonly string[] = [
  ...blocks,
  'connectTimeout',
  'h2UpgradePolicy',
  'defaultDestinationRuleExportTo',
];

/** Reads the fields, and says what is wrong with them; what is wrong is to be thrown away. */
export function readTrafficDefaults(root: Readonly<Record<string, unknown>>): {
  readonly defaults: TrafficDefaults;
  readonly problems: readonly Problem[];
} {
  const present = Object.entries(root).filter(
    ([field, value]) =>
      trafficDefaultFields.includes(field) && value !== undefined && value !== null,
  );
  const defaults: TrafficDefaults = Object.fromEntries(present);
  const misshapen = blocks.filter((field) => {
    const block = defaults[field];
    return block !== undefined && (typeof block !== 'object' || Array.isArray(block));
  });
  if (misshapen.length > 0) {
    return {
      defaults: {},
      problems: misshapen.map((field) => problem(field, 'must be a map of fields')),
    };
  }
  return { defaults, problems: problemsIn(defaults) };
}

function problemsIn(defaults: TrafficDefaults): Problem[] {
  const { connectTimeout, h2UpgradePolicy, tcpKeepalive, defaultDestinationRuleExportTo } =
    defaults;
  const policy = defaults.defaultTrafficPolicy ?? {};
  const problems = [
    ...durationProblems(connectTimeout, 'connectTimeout', 'at least 1ms'),
    ...durationProblems(tcpKeepalive?.time, 'tcpKeepalive.time', 'at least 1ms'),
    ...durationProblems(tcpKeepalive?.interval, 'tcpKeepalive.interval', 'at least 1ms'),
    ...localityProblems(defaults.localityLbSetting, 'localityLbSetting'),
    ...poolProblems(policy.connectionPool, 'defaultTrafficPolicy.connectionPool'),
    ...outlierProblems(policy.outlierDetection, 'defaultTrafficPolicy.outlierDetection'),
  ];
  if (!['UPGRADE', 'DO_NOT_UPGRADE', undefined].includes(h2UpgradePolicy)) {
    const text = `"${h2UpgradePolicy}" must be UPGRADE or DO_NOT_UPGRADE`;
    problems.push(problem('h2UpgradePolicy', text));
  }
  const places: unknown = defaultDestinationRuleExportTo ?? [];
  if (!Array.isArray(places) || !places.every((one) => typeof one === 'string')) {
    problems.push(problem('defaultDestinationRuleExportTo', 'must be a list of namespaces'));
  }
  return problems;
}

function problem(field: string, text: string): Problem {
  return { code: 'AMB1661', field, text };
}
