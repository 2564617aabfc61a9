// The plugin on this node, from the agent's settings: which platform it is, what is installed where, and
// whether it stays when the agent ends.

import type { KubeConfig } from '@kubernetes/client-node';
import { folderMismatch, type NodeMarks, recognizePlatform } from '../../mesh/platform.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { decideExit, type ExitDecision } from '../install/exit-decision.ts';
import { Installer } from '../install/installer.ts';
import { type PluginEntry, pluginType } from '../install/network-file.ts';
import type { Wish } from '../install/plan-install.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { askOwnSet } from './own-daemonset.ts';
import type { OwnNode } from './own-node.ts';
import type { AgentSettings } from './settings.ts';

export interface NodeInstallationOptions {
  readonly config: KubeConfig;
  readonly settings: AgentSettings;
  readonly node: OwnNode;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long the API has to say whether the agent's DaemonSet is there still. */
const askDeadlineMs = 3_000;
const unmarked: NodeMarks = { labels: {}, kubeletVersion: '', osImage: '' };

/** The installation while the agent runs. */
export class NodeInstallation implements AsyncDisposable {
  readonly #options: NodeInstallationOptions;
  readonly #marks: NodeMarks;
  readonly #installer: Installer;

  private constructor(options: NodeInstallationOptions, marks: NodeMarks) {
    const { settings, node, metrics, clock, log } = options;
    this.#options = options;
    this.#marks = marks;
    this.#installer = new Installer({
      program: {
        executable: settings.CNI_PLUGIN,
        mounted: settings.MOUNTED_CNI_BIN_DIR,
        onNode: settings.CNI_BIN_DIR,
      },
      configurations: settings.MOUNTED_CNI_NET_DIR,
      wish: wishOf(settings),
      mode: settings.CNI_CONF_GROUP_READ ? 0o640 : 0o600,
      tell: (_, message) => void node.record('MeshCniInstallation', message),
      metrics,
      clock,
      log,
    });
  }

  /** Says what the node is, and begins to install. */
  static async start(options: NodeInstallationOptions): Promise<NodeInstallation> {
    const { node, settings, log } = options;
    let marks = unmarked;
    try {
      marks = await node.marks();
    } catch (error) {
      log.warn({ code: codeOf(error), error: causeChain(error) }, 'the platform is not known');
    }
    const platform = recognizePlatform(marks);
    const given = { plugins: settings.CNI_BIN_DIR, configurations: settings.CNI_NET_DIR };
    log.info(
      { platform: platform.name, because: platform.because, ...given },
      'installing the plugin',
    );
    const mismatch = folderMismatch(given, platform);
    if (mismatch !== undefined) {
      log.warn({ code: 'AMB1329' }, mismatch);
      void node.record('MeshCniInstallation', `AMB1329 ${mismatch}`);
    }
    return new NodeInstallation(options, marks);
  }

  /** What is missing before new pods come by the plugin. */
  get waitingFor(): readonly string[] {
    return this.#installer.waitingFor;
  }

  /** Resolves when everything is installed for the first time. */
  get ready(): Promise<void> {
    return this.#installer.ready;
  }

  /** Decides what becomes of the plugin now that the agent ends. */
  async decideExit(): Promise<ExitDecision> {
    const { config, settings, node } = this.#options;
    const set = await askOwnSet(config, settings.POD_NAMESPACE, askDeadlineMs);
    // Labels may have changed, which is a way to send the agent off a node.
    const { labels } =
      set.kind === 'found' ? await node.marks().catch(() => this.#marks) : this.#marks;
    return decideExit(set, labels, settings.AMBIENT_DISABLE_SAFE_UPGRADE);
  }

  /** Stops keeping it, and takes it off the node. @throws AmbitError AMB1325 */
  async remove(): Promise<void> {
    await this.#installer[Symbol.asyncDispose]();
    await this.#installer.remove();
  }

  /** Stops keeping it. What is installed stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#installer[Symbol.asyncDispose]();
  }
}

/** The same decision for an agent that installs no plugin, which is about its pods alone: where the DaemonSet
 * is uninstalled they leave the mesh. */
export async function exitWithoutPlugin(
  config: KubeConfig,
  settings: AgentSettings,
): Promise<ExitDecision> {
  const set = await askOwnSet(config, settings.POD_NAMESPACE, askDeadlineMs);
  const labels = set.kind === 'found' ? set.nodeSelector : {};
  return decideExit(set, labels, settings.AMBIENT_DISABLE_SAFE_UPGRADE);
}

function wishOf(settings: AgentSettings): Wish {
  const entry: PluginEntry = {
    type: pluginType,
    cni_agent_run_dir: settings.CNI_AGENT_RUN_DIR,
    pod_namespace: settings.POD_NAMESPACE,
    exclude_namespaces: [...settings.EXCLUDE_NAMESPACES],
    ambient_enabled: true,
  };
  return {
    entry,
    mode: settings.ISTIO_OWNED_CNI_CONFIG
      ? { kind: 'owned', fileName: settings.ISTIO_OWNED_CNI_CONFIG_FILENAME }
      : { kind: 'chained' },
  };
}
