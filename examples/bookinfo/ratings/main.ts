// Bookinfo's ratings service: stars by reviewer.

import { json, serve } from '../service.ts';

serve((path) => {
  const id = /^\/ratings\/(\d+)$/.exec(path)?.[1];
  if (id === undefined) return json({ error: 'not found' }, 404);
  return json({ id: Number(id), ratings: { Reviewer1: 5, Reviewer2: 4 } });
});
