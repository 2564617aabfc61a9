// Bookinfo's reviews service. Version 1 shows no stars, version 2 black ones, version 3 red ones; the
// stars come from ratings.

import { type Called, call, json, serve, serviceUrl } from '../service.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';
const color = { v2: 'black', v3: 'red' }[version];
/** Longer than the page waits for reviews, as in Istio's sample: a delay of ratings shows what that costs. */
const ratingsDeadlineMs = 10_000;
const texts = [
  {
    reviewer: 'Reviewer1',
    text: 'An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!',
  },
  {
    reviewer: 'Reviewer2',
    text: 'Absolutely fun and entertaining. The play lacks thematic depth when compared to others.',
  },
];

serve(async (path, request) => {
  const id = /^\/reviews\/(\d+)$/.exec(path)?.[1];
  if (id === undefined) return json({ error: 'not found' }, 404);
  const stars =
    color === undefined
      ? undefined
      : await call(`${serviceUrl('ratings')}/ratings/${id}`, request, ratingsDeadlineMs);
  return json({
    id,
    podname: process.env['POD_NAME'] ?? '',
    clustername: '',
    version,
    reviews: texts.map((review) => ({ ...review, ...ratingOf(review.reviewer, stars) })),
  });
});

/** The rating of one reviewer; a failing ratings service costs the stars, not the review. */
function ratingOf(reviewer: string, stars: Called | undefined): object {
  if (stars === undefined) return {};
  if (!stars.ok) return { rating: { error: 'Ratings service is currently unavailable' } };
  const all = (stars.value as { ratings: Record<string, number> }).ratings;
  return { rating: { stars: all[reviewer] ?? 0, color } };
}
