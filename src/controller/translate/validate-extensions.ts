// What makes a WasmPlugin, a TrafficExtension or an EnvoyFilter invalid (features sections 1.8, 4 and 7.3).

import type {
  EnvoyFilter,
  TrafficExtension,
  TrafficSelectorSpec,
  WasmPlugin,
  WasmSpec,
} from '../kinds/unwatched.ts';
import type { Problem } from './finding.ts';
import { labelProblems, selectionProblems } from './validate-selection.ts';
import { invalid, rangeProblems, wordProblems } from './validate-values.ts';

const schemes = ['oci', 'http', 'https', 'file'];
const maxScriptBytes = 64 * 1024;

/** All problems of a WasmPlugin. */
export function validateWasmPlugin(object: WasmPlugin): Problem[] {
  const { spec = {} } = object;
  return [
    ...selectionProblems(object),
    ...wasmProblems(spec, 'spec'),
    ...matchProblems(spec.match, 'spec.match'),
  ];
}

/** All problems of a TrafficExtension. */
export function validateTrafficExtension(object: TrafficExtension): Problem[] {
  const { wasm, lua, match } = object.spec ?? {};
  const problems = [...selectionProblems(object), ...matchProblems(match, 'spec.match')];
  if ((wasm === undefined) === (lua === undefined)) {
    problems.push(invalid('spec', 'needs exactly one of wasm and lua'));
  }
  if (wasm !== undefined) problems.push(...wasmProblems(wasm, 'spec.wasm'));
  if (lua !== undefined) {
    const code = lua.inlineCode ?? '';
    const at = 'spec.lua.inlineCode';
    if (code === '') problems.push(invalid(at, 'must not be empty'));
    if (Buffer.byteLength(code) > maxScriptBytes) problems.push(invalid(at, 'exceeds 64 KiB'));
  }
  return problems;
}

function wasmProblems(spec: WasmSpec, path: string): Problem[] {
  const { url = '', sha256 = '', vmConfig, imagePullSecret = '', pluginName = '' } = spec;
  const problems: Problem[] = [];
  const scheme = /^([a-z]+):\/\//i.exec(url)?.[1]?.toLowerCase() ?? 'oci';
  if (url === '') problems.push(invalid(`${path}.url`, 'is required'));
  else if (!schemes.includes(scheme)) {
    const text = `the scheme ${scheme} is not supported; use ${schemes.join(', ')}`;
    problems.push(invalid(`${path}.url`, text));
  }
  if (sha256 !== '' && !/^[0-9a-f]{64}$/i.test(sha256)) {
    problems.push(invalid(`${path}.sha256`, 'must be 64 hexadecimal digits'));
  }
  for (const [field, text] of Object.entries({ imagePullSecret, pluginName })) {
    if (text.length > 255) problems.push(invalid(`${path}.${field}`, 'is too long'));
  }
  const seen = new Set<string>();
  for (const [index, variable] of (vmConfig?.env ?? []).entries()) {
    const { name = '', value = '', valueFrom = 'INLINE' } = variable;
    const at = `${path}.vmConfig.env[${index}]`;
    if (name === '') problems.push(invalid(`${at}.name`, 'is required'));
    if (seen.has(name)) problems.push(invalid(`${at}.name`, `"${name}" is given twice`));
    seen.add(name);
    if (valueFrom !== 'INLINE' && value !== '') {
      problems.push(invalid(`${at}.value`, 'can only be set with valueFrom INLINE'));
    }
  }
  return problems;
}

function matchProblems(match: readonly TrafficSelectorSpec[] | undefined, path: string): Problem[] {
  return (match ?? []).flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ number }, place) =>
      rangeProblems(number ?? 0, `${path}[${index}].ports[${place}].number`, 1, 65_535),
    ),
  );
}

const places = [
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'LISTENER_FILTER',
];

const operations = [
  'MERGE',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
  'MERGE_AND_REPLACE_LIST',
];

/** All problems of an EnvoyFilter; what the patches hold is for Envoy, which is not here. */
export function validateEnvoyFilter(object: EnvoyFilter): Problem[] {
  const { workloadSelector, configPatches = [] } = object.spec ?? {};
  return [
    ...selectionProblems(object),
    ...labelProblems(workloadSelector?.labels, 'spec.workloadSelector.labels'),
    ...configPatches.flatMap(({ applyTo = '', patch }, index) => {
      const path = `spec.configPatches[${index}]`;
      const needsValue = patch?.operation !== 'REMOVE' && patch?.value === undefined;
      return [
        ...wordProblems(applyTo, `${path}.applyTo`, places),
        ...(patch === undefined
          ? [invalid(`${path}.patch`, 'is required')]
          : wordProblems(patch.operation ?? '', `${path}.patch.operation`, operations)),
        ...(patch !== undefined && needsValue
          ? [invalid(`${path}.patch.value`, 'is required')]
          : []),
      ];
    }),
  ];
}
