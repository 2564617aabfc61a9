// Which pod a process belongs to, by its control groups (cgroups(7), /proc/PID/cgroup). Pure.

/** As Kubernetes makes them; the systemd driver writes underscores for dashes, because a dash in the
 * name of a slice means nesting. Static pods have the hash of their manifest instead. */
const podSegment =
  /(?:^|[-/])pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;
/** A line is short; what is longer was not written by the kernel. */
const maxLineLength = 4096;

/** The uid of the pod that the lines of `/proc/PID/cgroup` name, in the API's form; undefined for a
 * process of no pod. Every line is `hierarchy:controllers:path`; version 2 has one, version 1 many.
 * Understands the systemd and cgroupfs drivers and the forms of containerd, CRI-O and cri-dockerd,
 * also below other groups (a node that is a container). The innermost pod counts. */
export function podOfCgroups(text: string): string | undefined {
  for (const line of text.split('\n')) {
    if (line.length > maxLineLength) continue;
    const path = /^\d+:[^:]*:(\/.*)$/.exec(line)?.[1];
    if (path === undefined) continue;
    const segments = path.split(/[/:]/).toReversed();
    const uid = segments.map((segment) => podSegment.exec(segment)?.[1]).find(Boolean);
    if (uid !== undefined) return uid.replaceAll('_', '-');
  }
  return undefined;
}
