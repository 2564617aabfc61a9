// All measurements, in the order in which they run.

import type { Measurement } from '../measurement.ts';
import { authorization, rejudging } from './authorization.ts';
import { bulk } from './bulk.ts';
import { clusterScale } from './cluster-scale.ts';
import { cniAdd } from './cni-add.ts';
import { coldPeers } from './cold-peers.ts';
import { configLoad } from './config-load.ts';
import { idleMemory } from './idle-memory.ts';
import { layer7Latency, layer7Rate } from './layer7.ts';
import { latency, rate, tunnels } from './requests.ts';
import { routeChanges } from './route-changes.ts';
import { tunnelMemory } from './tunnel-memory.ts';

/** Memory comes before the load that would fill it. */
export const measurements: readonly Measurement[] = [
  idleMemory,
  tunnelMemory,
  latency,
  rate,
  tunnels,
  layer7Rate,
  layer7Latency,
  coldPeers,
  routeChanges,
  bulk(1),
  bulk(8),
  cniAdd,
  authorization,
  rejudging,
  configLoad,
  clusterScale,
];
