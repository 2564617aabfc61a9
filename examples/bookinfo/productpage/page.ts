// The product page as HTML. Everything shown comes from the services that answered.

import type { Called } from '../service.ts';
import { style } from './style.ts';

export type BookDetails = Readonly<Record<string, string | number>>;

export interface BookReviews {
  readonly podname: string;
  readonly version: string;
  readonly reviews: readonly {
    readonly reviewer: string;
    readonly text: string;
    readonly rating?:
      | { readonly stars: number; readonly color: string }
      | { readonly error: string };
  }[];
}

type Failed = Extract<Called, { ok: false }>;

/** What the page shows. */
export interface PageContent {
  readonly user: string | undefined;
  readonly podName: string;
  readonly details: BookDetails | Failed;
  readonly reviews: BookReviews | Failed;
}

/** The whole document. */
export function page(content: PageContent): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The Comedy of Errors · Bookinfo</title>
<style>${style}</style>
</head>
<body>
<header><a class="brand" href="/productpage">Book<b>info</b></a>${session(content.user)}</header>
<main>
<section class="hero">
<div class="cover" aria-hidden="true"><span>The<br>Comedy<br>of Errors</span><i>W. Shakespeare</i></div>
<div><p class="kind">Play in five acts</p><h1>The Comedy of Errors</h1>
<p class="lead">Two pairs of twins, separated at birth, meet in one city on one day. Nobody is who
everybody takes him for: a good story for a network in which everyone proves who he is.</p>
${detailsList(content.details)}</div>
</section>
<section><h2>Reviews</h2>${reviewCards(content.reviews)}</section>
</main>
<footer>Served by <code>${escape(content.podName)}</code></footer>
</body>
</html>
`;
}

function session(user: string | undefined): string {
  if (user !== undefined) {
    return `<p>Signed in as <b>${escape(user)}</b> · <a href="/logout">Sign out</a></p>`;
  }
  return `<form method="post" action="/login"><label>User <input name="username" required
maxlength="40" placeholder="jason" autocomplete="username"></label><button>Sign in</button></form>`;
}

function detailsList(details: BookDetails | Failed): string {
  if (isFailed(details)) return failure('Product details', details);
  const rows = Object.entries(details).filter(([name]) => name !== 'id');
  const items = rows.map(
    ([name, value]) => `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

function reviewCards(reviews: BookReviews | Failed): string {
  if (isFailed(reviews)) return failure('Product reviews', reviews);
  const cards = reviews.reviews.map(
    (
      review,
    ) => `<article>${ratingLine(review.rating)}<blockquote>${escape(review.text)}</blockquote>
<cite>${escape(review.reviewer)}</cite></article>`,
  );
  return `<div class="cards">${cards.join('')}</div>
<p class="from">Reviews answered by <code>${escape(reviews.podname)}</code>
<span class="version ${escape(reviews.version)}">${escape(reviews.version)}</span></p>`;
}

function ratingLine(rating: BookReviews['reviews'][number]['rating']): string {
  if (rating === undefined) return '';
  if ('error' in rating) return `<p class="missing">${escape(rating.error)}</p>`;
  const stars = '★'.repeat(rating.stars) + '☆'.repeat(5 - rating.stars);
  const color = rating.color === 'red' ? 'red' : 'black';
  return `<p class="stars ${color}" aria-label="${rating.stars} of 5 stars">${stars}</p>`;
}

function failure(what: string, failed: Failed): string {
  return `<div class="failure"><b>${what} are not available (${failed.status})</b>
<span>${escape(failed.problem)}</span></div>`;
}

function isFailed(value: object): value is Failed {
  return 'ok' in value;
}

function escape(value: string | number): string {
  return String(value).replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
