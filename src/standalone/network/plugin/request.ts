// What a container runtime asks of a plugin, read from its environment (CNI specification 1.0.0,
// section 2).

import { cniCodes, configProblem } from './failure.ts';

export const commands = ['ADD', 'DEL', 'CHECK', 'VERSION'] as const;
export type CniCommand = (typeof commands)[number];

/** One attachment: which interface of which container. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the pod's namespace; undefined when DEL comes after the namespace is gone. */
  readonly namespace: string | undefined;
  readonly interfaceName: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CniFailure 4 */
export function commandOf(environment: Environment): CniCommand {
  const wanted = environment['CNI_COMMAND'];
  const command = commands.find((one) => one === wanted);
  if (command !== undefined) return command;
  throw bad('CNI_COMMAND', wanted, commands.join(', '));
}

/** @throws CniFailure 4 */
export function attachmentOf(environment: Environment, command: CniCommand): Attachment {
  const read = (name: string, pattern: RegExp): string => {
    const value = environment[name];
    if (value !== undefined && pattern.test(value)) return value;
    throw bad(name, value, String(pattern));
  };
  const namespace = environment['CNI_NETNS'];
  return {
    containerId: read('CNI_CONTAINERID', /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/),
    interfaceName: read('CNI_IFNAME', /^(?!\.{1,2}$)[^\s/:]{1,15}$/),
    namespace:
      command === 'DEL' && (namespace === undefined || namespace === '')
        ? undefined
        : read('CNI_NETNS', /^\/\S+$/),
  };
}

function bad(name: string, value: string | undefined, wanted: string): Error {
  return configProblem(
    cniCodes.badEnvironment,
    `${name} is ${value === undefined ? 'missing' : JSON.stringify(value)}, not ${wanted}`,
  );
}
