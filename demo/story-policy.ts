// The middle of the story: a deny that says why, a waypoint, routes, weights and faults.

import { ambit, get, until } from './mesh.ts';
import {
  countsText,
  countVersions,
  newestTrace,
  reviewsFor,
  type Story,
  untilReviews,
} from './story.ts';

const folder = 'examples/bookinfo/routing';
const requests = 20;
const weighted = 200;
const share = 0.2;
/** The binomial count of 200 at 20 % has a standard deviation of 5.7; four of them either way fail
 * one run in sixteen thousand. */
const weightedSlack = 23;

/** A policy on proved identities: productpage may not read ratings, reviews may. */
export async function denySome(story: Story): Promise<void> {
  const command = `kubectl apply -f ${folder}/ratings-only-reviews.yaml\nambit why productpage ratings`;
  await story.report.step('A policy denies, and says why', command, async (check) => {
    const before = await get(story.pagePort, '/api/v1/products/0/ratings');
    check(
      'productpage reads ratings without the policy',
      String(before.status),
      before.status === 200,
    );
    await story.api().applyFile(`${folder}/ratings-only-reviews.yaml`);
    const denied = await until('the policy to deny productpage', async () => {
      const got = await get(story.pagePort, '/api/v1/products/0/ratings');
      return got.status === 200 ? undefined : got;
    });
    check('productpage reads ratings with it', String(denied.status), denied.status !== 200);
    const stars = await until('reviews with stars', async () => {
      const reviews = await reviewsFor(story);
      return reviews?.reviews[0]?.rating?.stars === undefined ? undefined : reviews;
    });
    check('reviews still reads ratings', `${stars.reviews[0]?.rating?.stars} stars`, true);
    // A request that the policy met on its way is on record too, as closed: ask until one is denied.
    const trace = await until('the record of the denial', async () => {
      await get(story.pagePort, '/api/v1/products/0/ratings');
      const found = await newestTrace(story, 'productpage', 'ratings');
      const named = found?.some(({ verdict }) => verdict.code === 'AMB1401' && verdict.policy);
      return named ? found : undefined;
    });
    const decided = trace.find((hop) => hop.verdict.policy !== undefined);
    const { policy, code } = decided?.verdict ?? {};
    check(
      'ambit why names the policy',
      `${policy} (${code})`,
      policy === 'default/ratings-only-reviews',
    );
    await quoteWhy(story, ['productpage', 'ratings']);
  });
}

/** Prints what `ambit why` says, as the user would read it. */
async function quoteWhy(story: Story, parties: readonly string[]): Promise<void> {
  const env = { ...story.env, KUBECONFIG: story.kubeconfig };
  const ran = await ambit(['why', ...parties, '--name', story.name], env);
  for (const line of ran.stdout.trimEnd().split('\n')) story.report.say(`     ${line}`);
}

/** A waypoint for reviews. */
export async function withWaypoint(story: Story): Promise<void> {
  const command =
    `kubectl apply -f ${folder}/waypoint.yaml\n` +
    'kubectl label service reviews istio.io/use-waypoint=waypoint';
  await story.report.step('A waypoint where requests matter', command, async (check) => {
    const start = performance.now();
    await story.api().applyFile(`${folder}/waypoint.yaml`);
    await until('the Gateway to be programmed', async () => {
      const gateway = (await story
        .api()
        .read('gateway.networking.k8s.io/v1', 'Gateway', 'waypoint')) as Conditions;
      return gateway.status?.conditions?.some(
        ({ type, status }) => type === 'Programmed' && status === 'True',
      )
        ? true
        : undefined;
    });
    check('Gateway programmed', `${((performance.now() - start) / 1000).toFixed(2)} s`, true);
    await story.api().label('Service', 'reviews', 'istio.io/use-waypoint', 'waypoint');
    const trace = await until('a request through the waypoint', async () => {
      await reviewsFor(story);
      const found = await newestTrace(story, 'productpage', 'reviews');
      return found?.some((hop) => hop.direction === 'request') ? found : undefined;
    });
    const request = trace.find((hop) => hop.direction === 'request');
    check('the request was decided by', request?.by ?? 'nobody', request !== undefined);
    const who = request?.source.identity ?? 'none';
    check('the waypoint saw the identity', who, who.endsWith('/sa/bookinfo-productpage'));
  });
}

interface Conditions {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Routing by header with VirtualService and DestinationRule. */
export async function routeByHeader(story: Story): Promise<void> {
  const command = `kubectl apply -f ${folder}/destination-rules.yaml -f ${folder}/reviews-jason-v2.yaml`;
  await story.report.step(
    'Jason sees version 2, everybody else version 1',
    command,
    async (check) => {
      await story.api().applyFile(`${folder}/destination-rules.yaml`);
      await story.api().applyFile(`${folder}/reviews-jason-v2.yaml`);
      await untilReviews(story, 'Jason to get v2', (reviews) => reviews?.version === 'v2', 'jason');
      const jason = await countVersions(story, requests, 'jason');
      check(`Jason, ${requests} requests`, countsText(jason), jason['v2'] === requests);
      const others = await countVersions(story, requests);
      check(`others, ${requests} requests`, countsText(others), others['v1'] === requests);
    },
  );
}

/** An 80/20 split, counted. */
export async function routeByWeight(story: Story): Promise<void> {
  const command = `kubectl apply -f ${folder}/reviews-80-20.yaml`;
  await story.report.step('80 % to version 1, 20 % to version 3', command, async (check) => {
    await story.api().applyFile(`${folder}/reviews-80-20.yaml`);
    await untilReviews(story, 'v3 to be reached', (reviews) => reviews?.version === 'v3');
    const counts = await countVersions(story, weighted);
    const v3 = counts['v3'] ?? 0;
    const near = Math.abs(v3 - weighted * share) <= weightedSlack;
    const only = (counts['v1'] ?? 0) + v3 === weighted;
    check(`${weighted} requests`, countsText(counts), near && only);
  });
}

/** An injected abort and an injected delay. */
export async function faults(story: Story): Promise<void> {
  const command = `kubectl apply -f ${folder}/reviews-fault.yaml`;
  await story.report.step(
    'Faults: 503 for Jason, half a second for the others',
    command,
    async (check) => {
      await story.api().applyFile(`${folder}/reviews-fault.yaml`);
      await untilReviews(story, 'Jason to be refused', (reviews) => reviews === undefined, 'jason');
      const cookie = { cookie: 'user=jason' };
      const refused = await get(story.pagePort, '/api/v1/products/0/reviews', cookie);
      check('Jason', String(refused.status), refused.status === 503);
      const slow = await get(story.pagePort, '/api/v1/products/0/reviews');
      const text = `${slow.status} after ${Math.round(slow.ms)} ms`;
      check('the others', text, slow.status === 200 && slow.ms >= 500);
      await story.api().delete({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'reviews' },
      });
      await untilReviews(
        story,
        'Jason to be served again',
        (reviews) => reviews !== undefined,
        'jason',
      );
      check('without the VirtualService Jason gets', '200', true);
    },
  );
}
