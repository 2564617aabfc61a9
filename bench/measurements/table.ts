// All measurements, in the order in which they run.

import type { Measurement } from '../measurement.ts';
import { bulk } from './bulk.ts';
import { latency, rate, tunnels } from './requests.ts';

export const measurements: readonly Measurement[] = [latency, rate, tunnels, bulk(1), bulk(8)];
