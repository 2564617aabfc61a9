// What the four Bookinfo services share: a small HTTP server, and calls to each other that pass on
// the headers by which a request is recognised along its way.

import http from 'node:http';

/** The header that names the signed-in user; routes may match on it. */
export const userHeader = 'end-user';

const passedOn = [
  userHeader,
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'user-agent',
  'cookie',
  'authorization',
];
const usualDeadlineMs = 3_000;
const bodyMax = 64 * 1024;

/** An answer to be sent. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON answer. */
export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** Serves until SIGTERM. `answer` gets the path without its query. */
export function serve(
  answer: (path: string, request: http.IncomingMessage) => Promise<Answer> | Answer,
): void {
  const server = http.createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    void Promise.resolve()
      .then(() => (path === '/health' ? json({ status: 'healthy' }) : answer(path, request)))
      .catch((error: unknown) => json({ error: String(error) }, 500))
      .then((done) => {
        response.writeHead(done.status, { 'content-type': done.type, ...done.headers });
        response.end(done.body);
      });
  });
  const port = Number(process.env['PORT'] ?? '9080');
  server.listen(port, '::', () => console.log(`listening on port ${port}`));
  process.once('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

/** The outcome of a call to another service: its JSON, or a status and what went wrong. */
export type Called =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly status: number; readonly problem: string };

/** Calls another service over a connection of its own: a kept connection would hide what the mesh
 * changes between two requests. */
export function call(
  url: string,
  from: http.IncomingMessage,
  deadlineMs = usualDeadlineMs,
): Promise<Called> {
  const headers: http.OutgoingHttpHeaders = {};
  for (const name of passedOn) {
    const value = from.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  return new Promise((resolve) => {
    const fail = (status: number, problem: string): void => resolve({ ok: false, status, problem });
    const request = http.get(url, { headers, agent: false, timeout: deadlineMs }, (response) => {
      readText(response).then(
        (text) => {
          const status = response.statusCode ?? 0;
          if (status !== 200) fail(status, text.trim());
          else resolve({ ok: true, value: JSON.parse(text) });
        },
        (error: unknown) => fail(502, String(error)),
      );
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${deadlineMs} ms`)));
    request.on('error', (error) => fail(503, error.message));
  });
}

/** The body of a message as text, at most 64 KiB. */
export async function readText(message: http.IncomingMessage): Promise<string> {
  let text = '';
  message.setEncoding('utf8');
  for await (const chunk of message) {
    text += chunk as string;
    if (text.length > bodyMax) throw new Error('the body is too large');
  }
  return text;
}

/** The address of a Bookinfo service, by Istio's environment variables. */
export function serviceUrl(name: 'details' | 'ratings' | 'reviews'): string {
  const host = process.env[`${name.toUpperCase()}_HOSTNAME`] ?? name;
  const port = process.env[`${name.toUpperCase()}_SERVICE_PORT`] ?? '9080';
  const domain = process.env['SERVICES_DOMAIN'] ?? '';
  return `http://${host}${domain === '' ? '' : `.${domain}`}:${port}`;
}
