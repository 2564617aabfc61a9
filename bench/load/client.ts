// The client of the benchmark, inside a pod: measures what it is asked to and answers with figures.
//   GET /requests?seconds=3&connections=16&keep=true   requests one after the other per connection
//   GET /transfer?megabytes=200                        one large answer

import http from 'node:http';

const target = process.env['TARGET'] ?? 'http://server:9090';
const secondsMax = 30;
const connectionsMax = 256;

interface Figures {
  readonly requests: number;
  readonly errors: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function once(agent: http.Agent, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const request = http.get(`${target}${path}`, { agent, timeout: 10_000 }, (response) => {
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

async function requests(
  seconds: number,
  connections: number,
  keepAlive: boolean,
): Promise<Figures> {
  const agent = new http.Agent({ keepAlive, maxSockets: connections });
  const latencies: number[] = [];
  let errors = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const sent = performance.now();
      try {
        await once(agent, '/');
        latencies.push(performance.now() - sent);
      } catch {
        errors++;
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const elapsed = (performance.now() - start) / 1000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    requests: latencies.length,
    errors,
    perSecond: latencies.length / elapsed,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

async function transfer(megabytes: number): Promise<{ megabytesPerSecond: number }> {
  const agent = new http.Agent();
  const start = performance.now();
  const bytes = await once(agent, `/megabytes/${megabytes}`);
  agent.destroy();
  return { megabytesPerSecond: bytes / 2 ** 20 / ((performance.now() - start) / 1000) };
}

http
  .createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const number = (name: string, fallback: number, max: number): number =>
      Math.min(Number(url.searchParams.get(name) ?? fallback), max);
    const work =
      url.pathname === '/transfer'
        ? transfer(number('megabytes', 100, 1024))
        : requests(
            number('seconds', 3, secondsMax),
            number('connections', 16, connectionsMax),
            url.searchParams.get('keep') !== 'false',
          );
    work.then(
      (figures) => response.end(JSON.stringify(figures)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  })
  .listen(9091, '::');
process.once('SIGTERM', () => process.exit(0));
