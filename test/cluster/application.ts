// The application of the suite: a client that asks a service of two versions, again and again, and writes what it
// got into its log. A log is all that every cluster shows without more.

export const namespace = 'ambit-cluster-test';

const server = `
const http = require('node:http');
http.createServer((request, response) => response.end(process.env.VERSION)).listen(8080);
`;

/** One line for each request: the version that answered, or what went wrong. */
const client = `
const http = require('node:http');
const ask = () => {
  const request = http.get({ host: 'server', port: 8080, agent: false, timeout: 2000 }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => next(response.statusCode === 200 ? text : 'status ' + response.statusCode));
    response.on('error', (error) => next(error.code));
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error) => next(error.code || error.message));
};
const next = (word) => { console.log(word); setTimeout(ask, 250); };
ask();
`;

const script = (text: string): string => text.replaceAll('\n', ' ').trim();

function deployment(name: string, app: string, image: string, text: string, version = ''): object {
  const labels = { app, ...(version !== '' && { version }) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: app,
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'main',
              image,
              command: ['node', '-e', script(text)],
              env: [{ name: 'VERSION', value: version }],
            },
          ],
        },
      },
    },
  };
}

function service(name: string, selector: object): object {
  const ports = [{ name: 'http', port: 8080 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector, ports },
  };
}

/** Everything, for `kubectl apply`. `image` must have a program `node`. */
export function manifests(image: string): readonly object[] {
  const account = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace },
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    account('server'),
    account('client'),
    service('server', { app: 'server' }),
    service('server-v2', { app: 'server', version: 'v2' }),
    deployment('server-v1', 'server', image, server, 'v1'),
    deployment('server-v2', 'server', image, server, 'v2'),
    deployment('client', 'client', image, client),
  ];
}

/** The client may not ask. */
export const denied = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'no-client', namespace },
  spec: {
    selector: { matchLabels: { app: 'server' } },
    action: 'DENY',
    rules: [{ from: [{ source: { principals: [`*/ns/${namespace}/sa/client`] } }] }],
  },
};

/** Only version 2 answers. */
export const route = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'server', namespace },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'server', port: 8080 }],
    rules: [{ backendRefs: [{ name: 'server-v2', port: 8080 }] }],
  },
};
