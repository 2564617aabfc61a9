// Services: virtual addresses of both families, ports, and what the type demands.

import { type FieldProblem, StatusError } from '../api-error.ts';
import { isRecord, type JsonRecord, listAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';
import { immutable, type KindRules, missing, refused } from './rules.ts';
import { chooseAddress, type Family, familyOf, inRange, ranges } from './service-addresses.ts';

/** Gives Services their addresses and checks their ports. */
export const serviceRules: KindRules = {
  prepare(core, object, previous, write) {
    if (!isRecord(object.spec)) return;
    const spec = object.spec;
    if (previous === undefined && unopened.has(String(spec['type']))) {
      write.warn(
        `Service ${object.metadata.name}: laptop mode opens no ports for type ${String(spec['type'])}; the Service works as type ClusterIP does`,
      );
    }
    for (const port of listAt(spec, 'ports')) {
      if (isRecord(port)) port['targetPort'] ??= port['port'];
    }
    if (spec['type'] === 'ExternalName') {
      for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
        delete spec[name];
      }
    } else {
      keepAddresses(spec, isRecord(previous?.spec) ? previous.spec : undefined);
      completeAddresses(core, object, spec);
    }
    if (previous === undefined) object.status = { loadBalancer: {} };
  },
  problems(_core, object, previous) {
    const problems = [...portProblems(object)];
    if (textAt(object.spec, 'type') === 'ExternalName' && !textAt(object.spec, 'externalName')) {
      problems.push(missing('spec.externalName'));
    }
    const before = textAt(previous?.spec, 'clusterIP');
    const now = textAt(object.spec, 'clusterIP');
    if (before !== undefined && now !== undefined && before !== now) {
      problems.push(immutable('spec.clusterIP', now));
    }
    return problems;
  },
};

/** Types that ask for ports or addresses outside of the mesh. */
const unopened: ReadonlySet<string> = new Set(['NodePort', 'LoadBalancer']);

/** Writers that leave the addresses out mean those that are there. */
function keepAddresses(spec: JsonRecord, before: JsonRecord | undefined): void {
  if (before === undefined || before['clusterIP'] === undefined) return;
  if (spec['clusterIP'] === undefined || spec['clusterIP'] === '') {
    for (const name of ['clusterIP', 'clusterIPs']) spec[name] = before[name];
    for (const name of ['ipFamilies', 'ipFamilyPolicy']) spec[name] ??= before[name];
  } else if (spec['clusterIP'] === before['clusterIP'] && spec['clusterIPs'] === undefined) {
    spec['clusterIPs'] = before['clusterIPs'];
    for (const name of ['ipFamilies', 'ipFamilyPolicy']) spec[name] ??= before[name];
  }
}

/** Laptop mode is dual-stack: both families unless the Service asks for less. */
function completeAddresses(core: Core, object: ApiObject, spec: JsonRecord): void {
  const given = addressesIn(spec);
  const families = familiesOf(spec, given);
  spec['ipFamilies'] = families;
  spec['ipFamilyPolicy'] ??= families.length > 1 ? 'PreferDualStack' : 'SingleStack';
  if (given[0] === 'None') {
    spec['clusterIP'] = 'None';
    spec['clusterIPs'] = ['None'];
    return;
  }
  const taken = takenAddresses(core, object);
  const addresses = families.map((family) => {
    const wanted = given.find((address) => familyOf(address) === family);
    if (wanted === undefined)
      return chooseAddress(family, taken) ?? refuse(object, family, 'all taken');
    if (!inRange(family, wanted)) return refuse(object, family, `${wanted} is not in the range`);
    if (taken.has(wanted)) return refuse(object, family, `${wanted} is already allocated`);
    return wanted;
  });
  spec['clusterIP'] = addresses[0];
  spec['clusterIPs'] = addresses;
}

function refuse(object: ApiObject, family: Family, why: string): never {
  const { name } = object.metadata;
  const message = `failed to allocate IP: ${why} (the range is ${ranges[family].text})`;
  const cause = { reason: 'FieldValueInvalid', message: `${message} [AMB1212]` };
  throw new StatusError('AMB1212', {
    http: 422,
    reason: 'Invalid',
    message: `Service "${name}" is invalid: spec.clusterIPs: ${message}`,
    details: { name, kind: 'Service', causes: [{ ...cause, field: 'spec.clusterIPs' }] },
  });
}

function addressesIn(spec: JsonRecord): string[] {
  const all = listAt(spec, 'clusterIPs').map(String);
  const first = textAt(spec, 'clusterIP');
  if (first !== undefined && first !== '' && !all.includes(first)) return [first, ...all];
  return all;
}

function familiesOf(spec: JsonRecord, given: readonly string[]): Family[] {
  const stated = listAt(spec, 'ipFamilies').filter(
    (family) => family === 'IPv4' || family === 'IPv6',
  );
  for (const address of given) {
    const family = familyOf(address);
    if (family !== undefined && !stated.includes(family)) stated.push(family);
  }
  const policy = spec['ipFamilyPolicy'];
  if (policy === 'SingleStack') return [stated[0] ?? 'IPv4'];
  // One stated family without a policy means just that one.
  if (policy === undefined && stated.length === 1 && listAt(spec, 'ipFamilies').length === 1) {
    return stated;
  }
  const first = stated[0] ?? 'IPv4';
  return [first, first === 'IPv4' ? 'IPv6' : 'IPv4'];
}

function takenAddresses(core: Core, object: ApiObject): Set<string> {
  const { name, namespace } = object.metadata;
  const others = core.table
    .list('services')
    .filter((one) => one.metadata.name !== name || one.metadata.namespace !== namespace);
  return new Set(others.flatMap((one) => listAt(one.spec, 'clusterIPs').map(String)));
}

function portProblems(object: ApiObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const ports = listAt(object.spec, 'ports');
  const bare =
    textAt(object.spec, 'type') === 'ExternalName' || textAt(object.spec, 'clusterIP') === 'None';
  if (ports.length === 0 && !bare) problems.push(missing('spec.ports'));
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const name = textAt(port, 'name');
    if (name === undefined && ports.length > 1) problems.push(missing(`spec.ports[${index}].name`));
    if (name !== undefined && names.has(name)) {
      problems.push({
        field: `spec.ports[${index}].name`,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(name)}`,
      });
    }
    names.add(name ?? '');
    const number = isRecord(port) ? Number(port['port']) : 0;
    if (number < 1 || number > 65_535) {
      problems.push(refused(`spec.ports[${index}].port`, number, 'must be between 1 and 65535'));
    }
  });
  return problems;
}
