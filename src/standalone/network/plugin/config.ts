// The network configuration that the base plugin gets on standard input (CNI specification 1.0.0,
// section 1).

import type { IpAddress } from '../../../mesh/address.ts';
import { cidrContains, parseCidr, parseIp } from '../../../mesh/address.ts';
import { configProblem } from './failure.ts';

/** The name of the program in CNI_PATH. */
export const pluginType = 'ambit-bridge';
export const cniVersion = '1.0.0';

/** The plugin's entry in a configuration list. */
export interface PluginConfig {
  readonly type: typeof pluginType;
  /** The bridge of the node that pods hang on. */
  readonly bridge: string;
  /** Path of the node's namespace; the plugin itself is started outside of it. */
  readonly nodeNamespace: string;
  readonly ipam: {
    /** Holds one file per address that is in use. */
    readonly dataDir: string;
    /** At most one per family. The gateway is the first address of its subnet, at `.1`. */
    readonly ranges: readonly { readonly subnet: string; readonly gateway: string }[];
  };
}

/** A checked range of pod addresses. */
export interface AddressRange {
  readonly network: IpAddress;
  readonly length: number;
  readonly gateway: IpAddress;
}

/** A checked configuration as given to one run of the plugin. */
export interface NetworkConfig {
  readonly bridge: string;
  readonly nodeNamespace: string;
  readonly dataDir: string;
  readonly ranges: readonly AddressRange[];
  /** The result of the ADD, given to CHECK and DEL. */
  readonly prevResult: unknown;
}

/** Reads a configuration. @throws CniFailure 6 for text that is no JSON, 1 for a foreign version, 7 for
 * bad fields */
export function parseConfig(text: string): NetworkConfig {
  const config = parseObject(text);
  const version = config['cniVersion'];
  if (version !== cniVersion) {
    throw configProblem(1, `cniVersion ${JSON.stringify(version)} is not ${cniVersion}`);
  }
  const ipam = config['ipam'];
  if (typeof ipam !== 'object' || ipam === null) throw configProblem(7, 'ipam is missing');
  const ranges: unknown = Reflect.get(ipam, 'ranges');
  if (!Array.isArray(ranges) || ranges.length === 0) {
    throw configProblem(7, 'ipam.ranges is not a list of ranges');
  }
  return {
    bridge: textField(config, 'bridge', /^[a-zA-Z0-9._-]{1,15}$/),
    nodeNamespace: textField(config, 'nodeNamespace', /^\/\S+$/),
    dataDir: textField(ipam, 'dataDir', /^\//),
    ranges: ranges.map(parseRange),
    prevResult: config['prevResult'],
  };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw configProblem(6, 'standard input holds no JSON', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw configProblem(6, 'the configuration is not a JSON object');
  }
  return value as Record<string, unknown>;
}

function textField(holder: object, name: string, pattern: RegExp): string {
  const value: unknown = Reflect.get(holder, name);
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw configProblem(7, `${name} is ${JSON.stringify(value) ?? 'missing'}, not ${pattern}`);
}

function parseRange(range: unknown, index: number): AddressRange {
  const field = (name: string): string => {
    const value: unknown =
      typeof range === 'object' && range !== null ? Reflect.get(range, name) : '';
    return typeof value === 'string' ? value : '';
  };
  const subnet = parseCidr(field('subnet'));
  const gateway = parseIp(field('gateway'));
  if (subnet === undefined || gateway === undefined || !cidrContains(subnet, gateway)) {
    throw configProblem(7, `ipam.ranges[${index}] needs a subnet and a gateway in it`);
  }
  return { network: subnet.address, length: subnet.length, gateway };
}
