// What makes a Gateway of networking.istio.io invalid, and what to warn of (features sections 1.3 and 7.3).

import type { IngressGateway, ServerSpec, ServerTlsSpec } from '../kinds/unwatched.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { invalid, rangeProblems, wordProblems } from './validate-values.ts';

const tlsModes = [
  'PASSTHROUGH',
  'SIMPLE',
  'MUTUAL',
  'OPTIONAL_MUTUAL',
  'ISTIO_MUTUAL',
  'AUTO_PASSTHROUGH',
];
const plainProtocols = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'];
const tlsProtocols = ['HTTPS', 'TLS'];
const protocols = [...plainProtocols, ...tlsProtocols, 'TCP', 'MONGO', 'REDIS', 'MYSQL'];
const oldVersions = new Set(['TLSV1_0', 'TLSV1_1']);

/** All problems of a Gateway. */
export function validateGateway({ spec = {} }: IngressGateway): Problem[] {
  const { servers = [] } = spec;
  if (servers.length === 0) return [invalid('spec.servers', 'must have at least one server')];
  const names = new Set<string>();
  return servers.flatMap((server, index) => {
    const path = `spec.servers[${index}]`;
    const repeated = [server.port?.name, server.name].filter((one) => one && names.has(one));
    for (const one of [server.port?.name, server.name]) if (one) names.add(one);
    return [
      ...repeated.map((name) => invalid(path, `names must be unique, and "${name}" is used twice`)),
      ...portProblems(server, `${path}.port`),
      ...hostProblems(server.hosts ?? [], `${path}.hosts`),
      ...tlsProblems(server, `${path}.tls`),
    ];
  });
}

/** What is allowed, and does less than it seems. */
export function warnOfGateway({ spec = {} }: IngressGateway): Problem[] {
  return (spec.servers ?? []).flatMap(({ tls, port }, index) => {
    const path = `spec.servers[${index}].tls`;
    const warnings: Problem[] = [];
    const { minProtocolVersion = '', cipherSuites = [], httpsRedirect } = tls ?? {};
    if (oldVersions.has(minProtocolVersion) && cipherSuites.length === 0) {
      const text = `${minProtocolVersion} needs cipherSuites that are compatible with it`;
      warnings.push(invalid(`${path}.minProtocolVersion`, text));
    }
    if (new Set(cipherSuites).size < cipherSuites.length) {
      warnings.push(
        invalid(`${path}.cipherSuites`, 'has a suite twice; repeated ones are ignored'),
      );
    }
    if (httpsRedirect === true && !plainProtocols.includes(protocolOf(port))) {
      warnings.push(invalid(`${path}.httpsRedirect`, 'only has an effect on ports of HTTP'));
    }
    return warnings;
  });
}

function protocolOf(port: ServerSpec['port']): string {
  return (port?.protocol ?? '').toUpperCase();
}

function portProblems({ port }: ServerSpec, path: string): Problem[] {
  if (port === undefined || port === null) return [invalid(path, 'is required')];
  const { name = '', number, targetPort } = port;
  return [
    ...(name === '' ? [invalid(`${path}.name`, 'must be set')] : []),
    ...(number === undefined
      ? [invalid(`${path}.number`, 'must be set')]
      : rangeProblems(number, `${path}.number`, 1, 65_535)),
    ...wordProblems(protocolOf(port), `${path}.protocol`, protocols),
    ...(targetPort === undefined
      ? []
      : [invalid(`${path}.targetPort`, 'has no impact; remove it')]),
  ];
}

function hostProblems(hosts: readonly string[], path: string): Problem[] {
  if (hosts.length === 0) return [invalid(path, 'must have at least one host')];
  return hosts.flatMap((host, index) => {
    const slash = host.indexOf('/');
    const [namespace, name] = [host.slice(0, Math.max(0, slash)), host.slice(slash + 1)];
    const at = `${path}[${index}]`;
    if (slash === 0 || name === '' || name.includes('/')) {
      return [invalid(at, `"${host}" must be NAMESPACE/NAME or NAME`)];
    }
    if (slash > 0 && !/^(\*|\.|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/.test(namespace)) {
      return [invalid(at, `"${namespace}" must be a namespace, "*" or "."`)];
    }
    if (name === '*') return [];
    if (!isHostPattern(name)) return [invalid(at, `"${name}" is no DNS name or "*.suffix"`)];
    return name.includes('.') ? [] : [invalid(at, `"${name}": short names are not allowed here`)];
  });
}

function tlsProblems({ port, tls }: ServerSpec, path: string): Problem[] {
  const protocol = protocolOf(port);
  const needsTls = tlsProtocols.includes(protocol);
  if (tls === undefined) {
    return needsTls ? [invalid(path, `must be set for a port of ${protocol}`)] : [];
  }
  const settings = Object.keys(tls).filter((field) => field !== 'httpsRedirect');
  if (!needsTls && (protocol === 'TCP' || settings.length > 0)) {
    return [invalid(path, `cannot be set for a port of ${protocol || 'no protocol'}`)];
  }
  return needsTls ? certificateProblems(tls, path) : [];
}

function certificateProblems(tls: ServerTlsSpec, path: string): Problem[] {
  const { mode = 'PASSTHROUGH', credentialName = '', credentialNames = [], caCrl = '' } = tls;
  const problems = wordProblems(mode, `${path}.mode`, tlsModes);
  const hasFiles = [tls.serverCertificate, tls.privateKey].some((one) => (one ?? '') !== '');
  const sources = [
    credentialName !== '',
    credentialNames.length > 0,
    (tls.tlsCertificates ?? []).length > 0,
    hasFiles,
  ].filter(Boolean).length;
  if (mode === 'ISTIO_MUTUAL') {
    return sources === 0
      ? problems
      : [...problems, invalid(path, 'cannot have certificates with mode ISTIO_MUTUAL')];
  }
  if (sources > 1) {
    const text =
      'only one of credentialName, credentialNames, tlsCertificates and files can be set';
    problems.push(invalid(path, text));
  }
  if (!['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'].includes(mode)) return problems;
  if (caCrl !== '' && (mode === 'SIMPLE' || credentialName !== '')) {
    problems.push(invalid(`${path}.caCrl`, 'is not supported with SIMPLE or credentialName'));
  }
  if (sources === 0) {
    problems.push(invalid(path, `mode ${mode} needs a server certificate and a private key`));
  } else if (hasFiles) {
    for (const field of ['serverCertificate', 'privateKey'] as const) {
      if ((tls[field] ?? '') === '') problems.push(invalid(`${path}.${field}`, 'is required'));
    }
  }
  const hasAuthority =
    credentialName !== '' ||
    credentialNames.length > 0 ||
    [tls.caCertificates, tls.caCertCredentialName].some((one) => (one ?? '') !== '');
  if (mode !== 'SIMPLE' && !hasAuthority) {
    problems.push(invalid(`${path}.caCertificates`, `mode ${mode} requires a client CA bundle`));
  }
  return problems;
}
