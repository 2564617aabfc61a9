// Other proxies in the place of a waypoint: nginx and HAProxy, one thread each, in plain text, in the network of
// a client's pod.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';

export const plainProxies = ['nginx', 'haproxy'] as const;
export type PlainProxy = (typeof plainProxies)[number];

/** Where each listens. */
export const plainProxyPorts: Readonly<Record<PlainProxy, number>> = {
  nginx: 9180,
  haproxy: 9190,
};

/** The work: requests with this header go on, with another one set; all others are answered 404. */
export const work = { route: 'x-route', picked: 'picked', set: 'x-bench' } as const;

/** Starts a proxy; the stack ends it. Answers its process. */
export function startPlainProxy(
  stack: AsyncDisposableStack,
  name: PlainProxy,
  namespace: NetworkNamespace,
  server: string,
): number {
  const folder = mkdtempSync(path.join(os.tmpdir(), `ambit-bench-${name}-`));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'config');
  writeFileSync(file, name === 'nginx' ? nginxConfig(folder, server) : haproxyConfig(server));
  const args = name === 'nginx' ? ['-p', folder, '-c', file] : ['-db', '-f', file];
  const child = namespace.run(() => spawn(name, args, { stdio: 'ignore' }));
  stack.defer(() => end(child));
  return child.pid ?? 0;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill('SIGKILL');
  await over;
}

function nginxConfig(folder: string, server: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    'daemon off; master_process off; worker_processes 1;',
    `pid ${folder}/pid; error_log /dev/null crit;`,
    'events { worker_connections 4096; }',
    'http {',
    '  access_log off; keepalive_requests 1000000000;',
    ...paths.map((one) => `  ${one}_temp_path ${folder}/${one};`),
    `  upstream server { server ${server}; keepalive 256; keepalive_requests 1000000000; }`,
    `  map $http_${work.route.replaceAll('-', '_')} $to { ${work.picked} server; default ""; }`,
    '  server {',
    `    listen ${plainProxyPorts.nginx} backlog=4096;`,
    '    location / {',
    '      if ($to = "") { return 404; }',
    '      proxy_http_version 1.1; proxy_set_header Connection "";',
    `      proxy_set_header ${work.set} set; proxy_pass http://server;`,
    '    }',
    '  }',
    '}',
    '',
  ].join('\n');
}

function haproxyConfig(server: string): string {
  return [
    'global',
    '  nbthread 1',
    '  maxconn 4096',
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  http-reuse always',
    'frontend front',
    `  bind :${plainProxyPorts.haproxy} backlog 4096`,
    `  http-request return status 404 unless { req.hdr(${work.route}) ${work.picked} }`,
    `  http-request set-header ${work.set} set`,
    '  default_backend servers',
    'backend servers',
    `  server one ${server}`,
    '',
  ].join('\n');
}
