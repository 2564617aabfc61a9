// A table of rules as a value, and the script that puts it in place. Pure.

import { type Rule, ruleText } from './rule.ts';

/** A chain; one with a hook is where packets come in. */
export interface Chain {
  readonly name: string;
  readonly hook?: {
    readonly type: 'nat' | 'filter' | 'route';
    readonly at: 'prerouting' | 'input' | 'output' | 'postrouting';
    readonly priority: number;
  };
  readonly rules: readonly Rule[];
}

/** A named set of addresses, filled by others. */
export interface AddressSet {
  readonly name: string;
  readonly type: 'ipv4_addr' | 'ipv6_addr';
}

/** A table of family inet. */
export interface Table {
  readonly name: string;
  readonly sets: readonly AddressSet[];
  readonly chains: readonly Chain[];
}

/** Makes exactly these tables, in one transaction: the old ones of all `names` are gone and the new
 * ones complete at the same instant, so no packet sees half of either. */
export function replaceScript(names: readonly string[], tables: readonly Table[]): string {
  return removeScript(names) + tables.map(tableText).join('');
}

/** Removes tables, in one transaction; a missing one is no error, because it is added first. */
export function removeScript(names: readonly string[]): string {
  return names.map((name) => `add table inet ${name}\ndelete table inet ${name}\n`).join('');
}

/** Empties all chains of a table, which stay; a missing table is no error. */
export function flushScript(name: string): string {
  return `add table inet ${name}\nflush table inet ${name}\n`;
}

function tableText(table: Table): string {
  const sets = table.sets.map((set) => `  set ${set.name} { type ${set.type}; }\n`);
  const chains = table.chains.map(chainText);
  return `table inet ${table.name} {\n${sets.join('')}${chains.join('')}}\n`;
}

function chainText(chain: Chain): string {
  const { hook } = chain;
  const head =
    hook === undefined
      ? ''
      : `    type ${hook.type} hook ${hook.at} priority ${hook.priority}; policy accept;\n`;
  const rules = chain.rules.map((rule) => `    ${ruleText(rule)}\n`);
  return `  chain ${chain.name} {\n${head}${rules.join('')}  }\n`;
}
