// One run of the base plugin: a request in, an answer out (CNI specification 1.0.0).

import { isV6 } from '../../../mesh/address.ts';
import { causeChain } from '../../../runtime/errors.ts';
import { AddressStore, type PodAddresses } from './address-store.ts';
import { addressesOf, attach, detach } from './attach.ts';
import { cniVersion, type NetworkConfig, parseConfig } from './config.ts';
import { CniFailure, cniCodes, configProblem } from './failure.ts';
import { type Attachment, attachmentOf, commandOf } from './request.ts';

/** What goes to standard output, if anything, and the exit code. */
export interface Answer {
  readonly output: object | undefined;
  readonly exitCode: 0 | 1;
}

/** Does what the environment and the configuration ask for. Never throws: failures are answers too. */
export async function runPlugin(
  environment: Readonly<Record<string, string | undefined>>,
  readConfig: () => string,
): Promise<Answer> {
  try {
    return { output: await perform(environment, readConfig), exitCode: 0 };
  } catch (error) {
    const code = error instanceof CniFailure ? error.cniCode : cniCodes.ioFailure;
    const msg = error instanceof CniFailure ? error.message : `AMB1152 ${causeChain(error)}`;
    const details = error instanceof CniFailure ? `${causeChain(error)}. ${error.remedy}` : '';
    return { output: { cniVersion, code, msg, details }, exitCode: 1 };
  }
}

async function perform(
  environment: Readonly<Record<string, string | undefined>>,
  readConfig: () => string,
): Promise<object | undefined> {
  const command = commandOf(environment);
  if (command === 'VERSION') return { cniVersion, supportedVersions: [cniVersion] };
  const attachment = attachmentOf(environment, command);
  const config = parseConfig(readConfig());
  const store = new AddressStore(config.dataDir, config.ranges);
  switch (command) {
    case 'ADD':
      return await add(config, attachment, store);
    case 'DEL':
      await kernelStep('remove the link', () => detach(config, attachment));
      store.giveBack(attachment);
      return undefined;
    case 'CHECK':
      await check(config, attachment, store);
      return undefined;
  }
}

async function add(
  config: NetworkConfig,
  attachment: Attachment,
  store: AddressStore,
): Promise<object> {
  const { namespace, interfaceName } = attachment;
  if (namespace === undefined) throw configProblem(cniCodes.badEnvironment, 'CNI_NETNS is missing');
  const addresses = store.take(attachment);
  try {
    const link = await kernelStep('make the link', () =>
      attach(config, { ...attachment, namespace }, addresses),
    );
    return {
      cniVersion,
      interfaces: [
        { name: config.bridge },
        { name: link.hostInterface },
        { name: interfaceName, mac: link.podMac, sandbox: namespace },
      ],
      ips: addresses.map(({ address, gateway }) => ({
        interface: 2,
        address: `${address}/${isV6(address) ? 128 : 32}`,
        gateway,
      })),
      routes: addresses.map(({ address, gateway }) => ({
        dst: isV6(address) ? '::/0' : '0.0.0.0/0',
        gw: gateway,
      })),
      dns: {},
    };
  } catch (error) {
    await undo(config, attachment, store, addresses);
    throw error;
  }
}

/** Leaves nothing of an ADD that failed, and lets its error through rather than one of its own. */
async function undo(
  config: NetworkConfig,
  attachment: Attachment,
  store: AddressStore,
  taken: PodAddresses,
): Promise<void> {
  // An attachment that existed before keeps its link: this ADD was a mistake of the runtime.
  if (store.held(attachment).length > taken.length) {
    store.release(taken);
    return;
  }
  store.release(taken);
  await detach(config, attachment).catch(() => undefined);
}

async function check(
  config: NetworkConfig,
  attachment: Attachment,
  store: AddressStore,
): Promise<void> {
  if (config.prevResult === undefined) {
    throw configProblem(cniCodes.badConfig, 'CHECK needs prevResult');
  }
  const held = store.held(attachment);
  const present = await kernelStep('read the addresses', () => addressesOf(attachment));
  const missing = held.filter((address) => !present.includes(address));
  if (held.length === config.ranges.length && missing.length === 0) return;
  throw new CniFailure(
    cniCodes.notAsAdded,
    'AMB1152',
    `${attachment.interfaceName} has ${present.join(', ') || 'no addresses'}; it was given ${held.join(', ') || 'none'}`,
  );
}

async function kernelStep<T>(step: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw new CniFailure(cniCodes.kernelRefused, 'AMB1152', `${step}: ${causeChain(error)}`, error);
  }
}
