// The Deployment of one waypoint. Pure.

import type { Gateway } from './kinds/gateway.ts';
import type { KubernetesObject, ObjectMeta } from './kinds/object.ts';
import {
  revocationListKey,
  revocationListName,
  rootCertificateKey,
  rootCertificateName,
} from './root-certificates.ts';
import type { AccessLogConfig } from './translate/access-log-config.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import { gatewayNameLabel, podLabelsForWaypoint } from './translate/waypoint-labels.ts';

/** What provisioning knows beside the objects. */
export interface ProvisionOptions {
  readonly mesh: MeshOptions;
  /** The program of a waypoint. */
  readonly waypointImage: string;
  /** Where waypoints find this controller, `HOST:PORT`. */
  readonly controllerAddress: string;
  /** Where waypoints send spans by OTLP; empty when they make none. */
  readonly spansTo: string;
  /** The form of their access logs; their own when absent. */
  readonly accessLog?: AccessLogConfig;
}

const statusPort = 15_021;
const metricsPort = 15_020;

/** Makes the Deployment; `metadata` is shared with the waypoint's other objects. */
export function waypointDeployment(
  gateway: Gateway,
  metadata: ObjectMeta,
  options: ProvisionOptions,
): KubernetesObject {
  const { name } = gateway.metadata;
  const template = {
    metadata: {
      labels: podLabelsForWaypoint(gateway),
      annotations: {
        ...metadata.annotations,
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': String(metricsPort),
        'prometheus.io/path': '/stats/prometheus',
      },
    },
    spec: {
      serviceAccountName: name,
      terminationGracePeriodSeconds: 30,
      // As the strictest of Kubernetes' Pod Security Standards wants it, so that any namespace takes it.
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [container(gateway, options)],
      volumes: volumes(),
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    // No replicas: how many is up to whoever scales it, an autoscaler perhaps.
    spec: { selector: { matchLabels: { [gatewayNameLabel]: name } }, template },
  };
}

function container(gateway: Gateway, options: ProvisionOptions): object {
  const { mesh, controllerAddress, waypointImage, spansTo, accessLog } = options;
  const fromPod = (name: string, fieldPath: string): object => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return {
    name: 'waypoint',
    image: waypointImage,
    ports: [
      { name: 'mesh', containerPort: 15_008, protocol: 'TCP' },
      { name: 'metrics', containerPort: metricsPort, protocol: 'TCP' },
      { name: 'status-port', containerPort: statusPort, protocol: 'TCP' },
    ],
    env: [
      { name: 'GATEWAY_NAME', value: gateway.metadata.name },
      { name: 'XDS_ADDRESS', value: controllerAddress },
      { name: 'CA_ADDRESS', value: controllerAddress },
      { name: 'CLUSTER_ID', value: mesh.clusterId },
      { name: 'TRUST_DOMAIN', value: mesh.trustDomain },
      { name: 'CLUSTER_DOMAIN', value: mesh.clusterDomain },
      ...(mesh.network === '' ? [] : [{ name: 'NETWORK', value: mesh.network }]),
      { name: 'CRL_PATH', value: `/var/run/secrets/istio/crl/${revocationListKey}` },
      ...(spansTo === '' ? [] : [{ name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: spansTo }]),
      ...(accessLog
        ? [
            { name: 'ACCESS_LOG_ENCODING', value: accessLog.encoding },
            { name: 'ACCESS_LOG_FORMAT', value: accessLog.format },
          ]
        : []),
      fromPod('POD_NAME', 'metadata.name'),
      fromPod('POD_NAMESPACE', 'metadata.namespace'),
      fromPod('INSTANCE_IP', 'status.podIP'),
      fromPod('NODE_NAME', 'spec.nodeName'),
      fromPod('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    ],
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: statusPort },
      periodSeconds: 1,
      timeoutSeconds: 3,
      failureThreshold: 4,
    },
    // 137 MB with a handful of services.
    resources: { requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '1Gi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio', readOnly: true },
    ],
  };
}

function volumes(): readonly object[] {
  return [
    {
      name: 'istio-token',
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: 'istio-ca',
              expirationSeconds: 43_200,
              path: 'istio-token',
            },
          },
        ],
      },
    },
    {
      name: 'istiod-ca-cert',
      projected: {
        sources: [
          {
            configMap: {
              name: rootCertificateName,
              items: [{ key: rootCertificateKey, path: rootCertificateKey }],
            },
          },
          {
            configMap: {
              name: revocationListName,
              optional: true,
              items: [{ key: revocationListKey, path: `crl/${revocationListKey}` }],
            },
          },
        ],
      },
    },
  ];
}
