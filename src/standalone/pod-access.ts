// How the API server reaches pods: through the kubelet that runs them.

import type { Clock } from '../runtime/clock.ts';
import { AmbitError } from '../runtime/errors.ts';
import type { LogOptions, PodAccess } from './api/pods/pod-access.ts';
import type { Kubelet, PodLogOptions } from './kubelet/kubelet.ts';
import type { PodRunner } from './kubelet/pod-runner.ts';

/** Access through these kubelets; the list may be filled later. */
export function podAccess(kubelets: readonly Kubelet[], clock: Clock): PodAccess {
  const find = (namespace: string, name: string): { kubelet: Kubelet; runner: PodRunner } => {
    for (const kubelet of kubelets) {
      const runner = kubelet.podNamed(namespace, name);
      if (runner !== undefined) return { kubelet, runner };
    }
    const object = `Pod ${namespace}/${name}`;
    throw new AmbitError('AMB1120', 'no node runs it (yet)', { object });
  };
  return {
    logs: (namespace, name, options) => {
      const { kubelet, runner } = find(namespace, name);
      return kubelet.logs(runner, logOptions(options, clock.now()));
    },
    connect: (namespace, name, port, signal) => {
      const { kubelet, runner } = find(namespace, name);
      return kubelet.connect(runner, port, signal);
    },
  };
}

function logOptions(options: LogOptions, nowMs: number): PodLogOptions {
  const { container, tailLines, limitBytes, sinceSeconds, sinceTime } = options;
  const sinceMs =
    sinceTime === undefined
      ? sinceSeconds === undefined
        ? undefined
        : nowMs - sinceSeconds * 1000
      : Date.parse(sinceTime);
  return {
    follow: options.follow,
    previous: options.previous,
    timestamps: options.timestamps,
    signal: options.signal,
    ...(container === undefined ? {} : { container }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}
