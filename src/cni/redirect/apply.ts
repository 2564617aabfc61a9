// Installs, verifies and removes the redirection of one pod, inside its network namespace.

import { LinuxError } from '../../linux/errors.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { nft, nftJson } from '../../linux/nft.ts';
import { getSysctl } from '../../linux/sysctl.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { differences } from './compare.ts';
import { addPolicyRouting, bothOf, removePolicyRouting } from './policy-routing.ts';
import {
  captureTable,
  guardTableName,
  podRules,
  podTables,
  type RedirectSettings,
  transitionScript,
  transitionTable,
} from './rules.ts';
import { flushScript, removeScript, replaceScript } from './table.ts';

/** Redirects a pod's traffic. Idempotent: rules that are there already are replaced in one
 * transaction, without an instant between. `inTransition` holds old
 * connections back until endTransition(). Routing comes first, because rules without it would lose
 * the answers of the application. @throws AmbitError AMB1304 */
export async function applyRedirection(
  namespace: NetworkNamespace,
  settings: RedirectSettings,
  inTransition = false,
): Promise<void> {
  const effective = effectiveSettings(namespace, settings);
  try {
    await bothOf(
      addPolicyRouting('ipv4', namespace),
      effective.ipv6 ? addPolicyRouting('ipv6', namespace) : Promise.resolve(),
    );
    const script = replaceScript(podTables, podRules(effective));
    await nft(inTransition ? script + transitionScript() : script, namespace);
  } catch (cause) {
    throw new AmbitError('AMB1304', 'the rules of the pod could not be installed', { cause });
  }
}

/** Lets the packets of all connections through again. @throws LinuxError */
export async function endTransition(namespace: NetworkNamespace): Promise<void> {
  await nft(removeScript([transitionTable]), namespace);
}

/** Takes no new connection of a pod any more, nor refuses one that goes its own way; those that the
 * proxy has go on. The chains stay, because
 * the kernel translates no packet of an old connection once the last of them is gone.
 * @throws AmbitError AMB1304 */
export async function endCapture(namespace: NetworkNamespace): Promise<void> {
  try {
    await nft(flushScript(captureTable) + removeScript([guardTableName]), namespace);
  } catch (cause) {
    throw new AmbitError('AMB1304', 'the rules of the pod could not be emptied', { cause });
  }
}

/** Lets a pod's traffic go its own way again: rules first, then routing. What is not there is no
 * error. @throws AmbitError AMB1304 */
export async function removeRedirection(namespace: NetworkNamespace): Promise<void> {
  try {
    await nft(removeScript(podTables), namespace);
    await removePolicyRouting('ipv4', namespace);
    if (hasIpv6(namespace)) await removePolicyRouting('ipv6', namespace);
  } catch (cause) {
    throw new AmbitError('AMB1304', 'the rules of the pod could not be removed', { cause });
  }
}

/** What is wrong with the rules in a pod, if anything. @throws AmbitError AMB1304 */
export async function verifyRedirection(
  namespace: NetworkNamespace,
  settings: RedirectSettings,
): Promise<string[]> {
  const effective = effectiveSettings(namespace, settings);
  try {
    const listing = await nftJson(['list', 'ruleset'], namespace);
    return differences(listing, podTables, podRules(effective));
  } catch (cause) {
    throw new AmbitError('AMB1304', 'the rules of the pod could not be read', { cause });
  }
}

/** The settings as they can hold in a pod: without IPv6 where it has none. @throws LinuxError */
export function effectiveSettings(
  namespace: NetworkNamespace,
  settings: RedirectSettings,
): RedirectSettings {
  return { ...settings, ipv6: settings.ipv6 && hasIpv6(namespace) };
}

/** Whether the pod has IPv6 on its loopback interface, without which nothing can be redirected. */
function hasIpv6(namespace: NetworkNamespace): boolean {
  try {
    return getSysctl('net/ipv6/conf/lo/disable_ipv6', namespace) === '0';
  } catch (error) {
    // A kernel without IPv6.
    if (error instanceof LinuxError && error.errno === 'ENOENT') return false;
    throw error;
  }
}
