// Bookinfo's front: a page that asks details and reviews, and shows who answered.

import type http from 'node:http';
import {
  type Answer,
  type Called,
  call,
  json,
  readText,
  serve,
  serviceUrl,
  userHeader,
} from '../service.ts';
import { type BookDetails, type BookReviews, page } from './page.ts';

const userCookie = 'user';

serve(async (path, request) => {
  if (path === '/') return redirect('/productpage');
  if (path === '/login' && request.method === 'POST') return await login(request);
  if (path === '/logout') return redirect('/productpage', `${userCookie}=; Max-Age=0; Path=/`);
  if (path === '/productpage') return await productPage(request);
  if (path === '/api/v1/products') return json([{ id: 0, title: 'The Comedy of Errors' }]);
  const api = /^\/api\/v1\/products\/(\d+)(?:\/(reviews|ratings))?$/.exec(path);
  if (api === null) return json({ error: 'not found' }, 404);
  const service = api[2] === 'reviews' || api[2] === 'ratings' ? api[2] : 'details';
  return relay(await call(`${serviceUrl(service)}/${service}/${api[1]}`, signIn(request)));
});

async function productPage(request: http.IncomingMessage): Promise<Answer> {
  const from = signIn(request);
  const [details, reviews] = await Promise.all([
    call(`${serviceUrl('details')}/details/0`, from),
    call(`${serviceUrl('reviews')}/reviews/0`, from),
  ]);
  const body = page({
    user: from.headers[userHeader]?.toString(),
    podName: process.env['POD_NAME'] ?? 'productpage',
    details: details.ok ? (details.value as BookDetails) : details,
    reviews: reviews.ok ? (reviews.value as BookReviews) : reviews,
  });
  return { status: 200, type: 'text/html; charset=utf-8', body };
}

async function login(request: http.IncomingMessage): Promise<Answer> {
  const name = new URLSearchParams(await readText(request)).get('username') ?? '';
  const safe = name.replaceAll(/[^\w.-]/g, '').slice(0, 40);
  return redirect('/productpage', `${userCookie}=${safe}; Path=/; HttpOnly; SameSite=Lax`);
}

/** The request with the signed-in user of its cookie as a header for the services behind. */
function signIn(request: http.IncomingMessage): http.IncomingMessage {
  const name = /(?:^|;\s*)user=([\w.-]+)/.exec(request.headers.cookie ?? '')?.[1];
  if (name !== undefined) request.headers[userHeader] = name;
  return request;
}

function relay(called: Called): Answer {
  return called.ok ? json(called.value) : json({ error: called.problem }, called.status);
}

function redirect(location: string, cookie?: string): Answer {
  const headers = { location, ...(cookie === undefined ? {} : { 'set-cookie': cookie }) };
  return { status: 302, type: 'text/plain', body: '', headers };
}
