// The server of the benchmark: a small answer, or as many megabytes as the path asks for.

import http from 'node:http';

const chunk = Buffer.alloc(64 * 1024, 'x');
const chunksPerMegabyte = 16;
const megabytesMax = 1024;

const server = http.createServer((request, response) => {
  const megabytes = Number(/^\/megabytes\/(\d+)$/.exec(request.url ?? '')?.[1] ?? '0');
  if (megabytes === 0) {
    response.end('ok');
    return;
  }
  let left = Math.min(megabytes, megabytesMax) * chunksPerMegabyte;
  const more = (): void => {
    while (left > 0) {
      left--;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
});
server.listen(9090, '::');
process.once('SIGTERM', () => process.exit(0));
