// The command line's entry: finds the command, prints what goes wrong with its code, sets the exit
// code.

import { catalogue } from '../mesh/catalogue.ts';
import { AmbitError, causeChain, codeOf } from '../runtime/errors.ts';
import type { Command, CommandContext } from './command.ts';

/** In the order of `ambit help`. Loaded when used: `ambit explain` must not wait for a client. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).up,
  down: async () => (await import('./commands/down.ts')).down,
  status: async () => (await import('./commands/status.ts')).status,
  run: async () => (await import('./commands/run.ts')).run,
  check: async () => (await import('./commands/check.ts')).check,
  install: async () => (await import('./commands/install.ts')).install,
  upgrade: async () => (await import('./commands/install.ts')).upgrade,
  uninstall: async () => (await import('./commands/uninstall.ts')).uninstall,
  why: async () => (await import('./commands/why.ts')).why,
  enroll: async () => (await import('./commands/enroll.ts')).enroll,
  waypoint: async () => (await import('./commands/waypoint.ts')).waypoint,
  analyze: async () => (await import('./commands/analyze.ts')).analyze,
  validate: async () => (await import('./commands/validate.ts')).validate,
  'rotate-root': async () => (await import('./commands/rotate-root.ts')).rotateRoot,
  'ztunnel-config': async () => (await import('./commands/ztunnel-config.ts')).ztunnelConfig,
  'waypoint-config': async () => (await import('./commands/waypoint-config.ts')).waypointConfig,
  'proxy-status': async () => (await import('./commands/proxy-status.ts')).proxyStatus,
  version: async () => (await import('./commands/version.ts')).version,
  explain: async () => (await import('./commands/explain.ts')).explain,
};

/** istioctl's short names. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['zc', 'ztunnel-config'],
  ['ps', 'proxy-status'],
]);

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => controller.abort(new Error(signal)));
}

const context: CommandContext = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  terminal: { stdout: process.stdout.isTTY, stderr: process.stderr.isTTY },
  signal: controller.signal,
};

async function help(): Promise<number> {
  context.stdout('ambit: an ambient service mesh on one machine or on Kubernetes\n\n');
  for (const [name, load] of Object.entries(commands)) {
    context.stdout(`  ambit ${name.padEnd(16)}${(await load()).summary}\n`);
  }
  context.stdout('\nambit COMMAND --help tells more.\n');
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help') return await help();
  const load = commands[aliases.get(name) ?? name];
  if (load === undefined) {
    throw new AmbitError('AMB1801', `there is no command "${name}": ambit help lists them`);
  }
  const command = await load();
  const end = rest.indexOf('--');
  const own = end === -1 ? rest : rest.slice(0, end);
  if (own.includes('--help') || own.includes('-h')) {
    context.stdout(`${command.usage}\n`);
    return 0;
  }
  return await command.run(rest, context);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof AmbitError;
  const badArgument = (error as { code?: unknown } | undefined)?.code;
  const isUsage = typeof badArgument === 'string' && badArgument.startsWith('ERR_PARSE_ARGS');
  const code = isUsage ? 'AMB1801' : codeOf(error);
  context.stderr(known ? `${causeChain(error)}\n` : `${code} ${causeChain(error)}\n`);
  context.stderr(`Remedy: ${catalogue[code].remedy}\n`);
  process.exitCode = 1;
}
