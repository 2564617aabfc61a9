// The names that a run is put together from.

/** Debian's package of each outside program. */
export const toolPackages = {
  iperf3: 'iperf3',
  h2load: 'nghttp2-client',
  wrk: 'wrk',
  nginx: 'nginx',
  haproxy: 'haproxy',
} as const;
export type ToolName = keyof typeof toolPackages;

/** The paths that traffic takes. `outside` is there when an outside proxy was named. */
export const trafficPaths = ['direct', 'ztunnels', 'waypoint', 'outside'] as const;
export type TrafficPath = (typeof trafficPaths)[number];
