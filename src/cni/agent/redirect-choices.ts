// What a pod's annotations choose about its redirection (protocol section 1.10). Pure. A value that
// cannot be read is named and counts as absent: the pod then gets what every pod gets.

import type { RedirectSettings } from '../redirect/rules.ts';
import type { PodFacts } from './pod-facts.ts';

/** The settings of one pod, and what is wrong with its annotations, as sentence parts. */
export interface RedirectChoices {
  readonly settings: RedirectSettings;
  readonly problems: readonly string[];
}

/** The most virtual interfaces of one pod: each costs every packet a comparison. */
const maxVirtualInterfaces = 32;
/** The kernel's limit is 15 bytes; what nft or a shell could misread is not accepted. */
const interfacePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** Reads the annotations of a pod over the settings of the node. */
export function redirectChoices(pod: PodFacts, node: RedirectSettings): RedirectChoices {
  const problems: string[] = [];
  const flag = (key: string, fallback: boolean): boolean => {
    const text = pod.annotations.get(key);
    if (text === undefined) return fallback;
    if (text === 'true' || text === 'false') return text === 'true';
    problems.push(`annotation ${key}=${text} must be true or false`);
    return fallback;
  };
  const settings: RedirectSettings = {
    ...node,
    captureDns: flag('ambient.istio.io/dns-capture', node.captureDns),
    bypassInbound: flag('ambient.istio.io/bypass-inbound-capture', node.bypassInbound),
    virtualInterfaces: virtualInterfaces(pod, problems),
  };
  return { settings, problems };
}

function virtualInterfaces(pod: PodFacts, problems: string[]): readonly string[] {
  const key = 'istio.io/reroute-virtual-interfaces';
  const names = (pod.annotations.get(key) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const good = names.filter((name) => interfacePattern.test(name));
  const bad = names.filter((name) => !good.includes(name));
  if (bad.length > 0) problems.push(`annotation ${key} names no interface: ${bad.join(', ')}`);
  if (good.length > maxVirtualInterfaces) {
    problems.push(`annotation ${key} names more than ${maxVirtualInterfaces} interfaces`);
  }
  return good.slice(0, maxVirtualInterfaces);
}
