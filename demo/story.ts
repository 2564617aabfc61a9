// What the steps of the demo share.

import type { DecisionRecord } from '../src/mesh/decision.ts';
import { ambit, get, type MeshApi, until } from './mesh.ts';
import type { Report } from './report.ts';

/** One telling of the story. */
export interface Story {
  readonly report: Report;
  /** The mesh's name. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly kubeconfig: string;
  readonly keep: boolean;
  /** The host's loopback port that leads to productpage. */
  readonly pagePort: number;
  readonly api: () => MeshApi;
  /** Process by pod name, as it was before the label. */
  readonly processes: Map<string, string>;
  /** Seconds from `ambit up` to an application that is ready. */
  upSeconds: number;
}

/** Bookinfo's reviews as productpage relays them. */
export interface Reviews {
  readonly version: string;
  readonly reviews: readonly {
    readonly rating?: { readonly stars?: number; readonly error?: string };
  }[];
}

/** The reviews as a user sees them; undefined when the answer is not 200. */
export async function reviewsFor(story: Story, user?: string): Promise<Reviews | undefined> {
  const headers: Record<string, string> = user === undefined ? {} : { cookie: `user=${user}` };
  const got = await get(story.pagePort, '/api/v1/products/0/reviews', headers);
  return got.status === 200 ? (JSON.parse(got.body) as Reviews) : undefined;
}

/** Asks `count` times and counts the answers by version; failures count as `failed`. */
export async function countVersions(
  story: Story,
  count: number,
  user?: string,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const version = (await reviewsFor(story, user))?.version ?? 'failed';
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

/** Counts as text: `v1 80, v3 20`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const names = Object.keys(counts).toSorted();
  return names.map((version) => `${version} ${counts[version]}`).join(', ');
}

/** The newest trace between two parties, as `ambit why --json` tells it; undefined while there is
 * none. */
export async function newestTrace(
  story: Story,
  source: string,
  destination: string,
): Promise<readonly DecisionRecord[] | undefined> {
  const args = ['why', source, destination, '--json', '--name', story.name];
  const ran = await ambit(args, { ...story.env, KUBECONFIG: story.kubeconfig });
  return ran.code === 0 ? (JSON.parse(ran.stdout) as DecisionRecord[][])[0] : undefined;
}

/** Waits until asking for reviews gives what a route should give. */
export async function untilReviews(
  story: Story,
  what: string,
  holds: (reviews: Reviews | undefined) => boolean,
  user?: string,
): Promise<void> {
  await until(what, async () => (holds(await reviewsFor(story, user)) ? true : undefined));
}
