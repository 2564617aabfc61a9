// Bookinfo's details service: what is known of a book.

import { json, serve } from '../service.ts';

const book = {
  author: 'William Shakespeare',
  year: 1595,
  type: 'paperback',
  pages: 200,
  publisher: 'PublisherA',
  language: 'English',
  'ISBN-10': '1234567890',
  'ISBN-13': '123-1234567890',
};

serve((path) => {
  const id = /^\/details\/(\d+)$/.exec(path)?.[1];
  return id === undefined ? json({ error: 'not found' }, 404) : json({ id: Number(id), ...book });
});
