// Keeps the plugin on the node: program and configuration, installed, proven again and again, and put back
// when somebody else takes them away.

import { type FSWatcher, watch } from 'node:fs';
import { networkProvider } from '../../mesh/platform.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { changeConfigFolder, readConfigFolder } from './config-folder.ts';
import {
  type FolderRemark,
  type InstallPlan,
  planInstall,
  planRemoval,
  type Wish,
} from './plan-install.ts';
import { PluginProgram, type ProgramPlaces, removeProgram } from './program.ts';

/** What of an installation is counted. */
export interface InstallMetrics {
  installed(is: boolean): void;
  repaired(part: 'configuration' | 'program'): void;
}

export interface InstallerOptions {
  readonly program: ProgramPlaces;
  /** The folder of configurations, as this process sees it. */
  readonly configurations: string;
  readonly wish: Wish;
  /** Of new files. */
  readonly mode: number;
  /** Tells the operator, on the node; what is said again is not told again. */
  readonly tell: (code: string, message: string) => void;
  readonly metrics: InstallMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often everything is compared when nothing seems to change, milliseconds. */
  readonly proofPeriodMs?: number;
}

const defaultProofPeriodMs = 10_000;
/** Between two changes, so that two agents that undo each other's work do not keep the node busy. */
const pauseMs = 1_000;
/** So many repairs within the time are a fight. */
const fight = { repairs: 3, withinMs: 300_000 } as const;

/** A running installer. It works by itself until it is disposed of, which leaves everything as it is. */
export class Installer implements AsyncDisposable {
  readonly #options: InstallerOptions;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  readonly #repairs: number[] = [];
  readonly #told = new Set<string>();
  readonly #ready = Promise.withResolvers<void>();
  #program: PluginProgram | undefined;
  #hasBeenInstalled = false;
  #waitingFor: string | undefined = 'the first look at the CNI folders';
  #changed = Promise.withResolvers<void>();

  /** Starts at once. */
  constructor(options: InstallerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** What is missing before new pods come by the plugin. */
  get waitingFor(): readonly string[] {
    return this.#waitingFor === undefined ? [] : [this.#waitingFor];
  }

  /** Resolves when everything is installed for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Stops working. What is installed stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  /** Takes everything off the node: the configuration first, so that no pod asks for a plugin that is
   * not there. Call it after disposal. @throws AmbitError AMB1325, AMB1326 */
  async remove(): Promise<void> {
    const { configurations, mode, program, log } = this.#options;
    try {
      let done = false;
      for (let round = 0; !done && round < maxRemovals; round++) {
        const files = await readConfigFolder(configurations);
        done = await changeConfigFolder(configurations, planRemoval(files), files, mode);
      }
      if (!done) throw new Error('somebody else writes it all the time');
      await removeProgram(program.mounted);
    } catch (cause) {
      throw new AmbitError('AMB1325', 'the plugin could not be removed', {
        object: configurations,
        cause,
      });
    }
    log.info({ folder: configurations }, 'the plugin was removed from the node');
  }

  async #run(): Promise<void> {
    const { clock, proofPeriodMs = defaultProofPeriodMs } = this.#options;
    const { signal } = this.#ending;
    const watchers = this.#watch();
    while (!signal.aborted) {
      this.#changed = Promise.withResolvers();
      await this.#attempt();
      await clock.wait(pauseMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const quiet = new AbortController();
      const period = clock.wait(proofPeriodMs, AbortSignal.any([signal, quiet.signal]));
      await Promise.race([period.catch(() => undefined), this.#changed.promise]);
      quiet.abort();
    }
    for (const one of watchers) one.close();
  }

  /** A folder that cannot be watched is looked at in every period all the same. */
  #watch(): readonly FSWatcher[] {
    const { configurations, program, log } = this.#options;
    return [configurations, program.mounted].flatMap((folder) => {
      try {
        const watcher = watch(folder, () => this.#changed.resolve());
        watcher.on('error', () => this.#changed.resolve());
        return [watcher];
      } catch (error) {
        log.info({ folder, error: causeChain(error) }, 'the folder cannot be watched');
        return [];
      }
    });
  }

  /** Compares and repairs once. */
  async #attempt(): Promise<void> {
    const { metrics, log } = this.#options;
    try {
      await this.#keepProgram();
      await this.#keepConfiguration();
    } catch (error) {
      const message = causeChain(error);
      this.#waitingFor = `the CNI plugin, which cannot be installed (${message})`;
      log.error({ code: codeOf(error), error: message }, 'trying to install the plugin again');
      this.#tellOnce(codeOf(error), message);
    }
    metrics.installed(this.#waitingFor === undefined);
    if (this.#waitingFor !== undefined) return;
    this.#hasBeenInstalled = true;
    this.#ready.resolve();
  }

  async #keepProgram(): Promise<void> {
    const { program: places, metrics, log } = this.#options;
    this.#program ??= await PluginProgram.read(places);
    if (await this.#program.isInstalled()) return;
    await this.#program.install();
    if (this.#hasBeenInstalled) metrics.repaired('program');
    log.info({ folder: places.onNode }, 'the plugin was installed');
  }

  async #keepConfiguration(): Promise<void> {
    const { configurations, mode, wish, log } = this.#options;
    const files = await this.#read();
    const plan = planInstall(files, wish);
    for (const remark of plan.remarks) this.#remark(remark);
    switch (plan.kind) {
      case 'wait':
        this.#waitingFor = plan.reason;
        this.#tellOnce('AMB1321', plan.reason);
        return;
      case 'settled':
        this.#waitingFor = undefined;
        return;
      case 'change': {
        const done = await this.#write(
          async () => await changeConfigFolder(configurations, plan.change, files, mode),
        );
        // Somebody wrote meanwhile: the next attempt begins anew.
        if (!done) return this.#changed.resolve();
        log.info(
          { files: plan.change.write.map(({ name }) => name), reason: plan.reason },
          'the CNI configuration was written',
        );
        if (this.#hasBeenInstalled) this.#countRepair(plan);
        this.#waitingFor = undefined;
      }
    }
  }

  async #read(): ReturnType<typeof readConfigFolder> {
    try {
      return await readConfigFolder(this.#options.configurations);
    } catch (cause) {
      const object = this.#options.configurations;
      throw new AmbitError('AMB1325', 'the CNI folder cannot be read', { object, cause });
    }
  }

  async #write(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (cause) {
      const object = this.#options.configurations;
      throw new AmbitError('AMB1325', 'the CNI configuration could not be written', {
        object,
        cause,
      });
    }
  }

  /** Another agent rewrote the configuration. When it does so again and again, it is named. */
  #countRepair({ primary, reason }: Extract<InstallPlan, { kind: 'change' }>): void {
    const { clock, metrics, log, tell } = this.#options;
    const now = clock.monotonic();
    metrics.repaired('configuration');
    this.#repairs.push(now);
    while ((this.#repairs[0] ?? now) < now - fight.withinMs) this.#repairs.shift();
    const { name, advice } = networkProvider(primary.types);
    log.warn({ code: 'AMB1328', reason, provider: name }, 'the CNI configuration was put back');
    if (this.#repairs.length < fight.repairs) return;
    const times = `${this.#repairs.length} times within ${fight.withinMs / 60_000} minutes`;
    const advised = advice === undefined ? '' : `; ${advice}`;
    this.#repairs.length = 0;
    const who = `the network plugin of this node is ${name}`;
    tell('AMB1328', `AMB1328 ${primary.name} was put back ${times}: ${who}${advised}`);
  }

  #remark({ code, file, what }: FolderRemark): void {
    if (this.#tellOnce(code, `${file}: ${what}`)) {
      this.#options.log.warn({ code, file }, what);
    }
  }

  #tellOnce(code: string, what: string): boolean {
    const message = what.startsWith(code) ? what : `${code} ${what}`;
    if (this.#told.has(message)) return false;
    // What is wrong with a folder is bounded; a folder that changes without end is not.
    if (this.#told.size >= maxTold) this.#told.clear();
    this.#told.add(message);
    this.#options.tell(code, message);
    return true;
  }
}

const maxTold = 256;
/** Each is in vain when somebody wrote at the same moment. */
const maxRemovals = 20;
