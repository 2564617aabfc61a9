// A dump of a node proxy with one of everything that the tables tell apart.

const waypoint = {
  destination: 'default/waypoint.default.svc.cluster.local',
  hboneMtlsPort: 15008,
};

const ca = {
  pem: '',
  serialNumber: '255',
  validFrom: '2026-01-01T00:00:00Z',
  expirationTime: '2036-01-01T00:00:00Z',
};

export const ztunnelDump = {
  workloads: [
    {
      workloadIps: ['10.0.0.2', 'fd00::2'],
      waypoint: { destination: 'net/10.9.0.7', hboneMtlsPort: 15008 },
      protocol: 'HBONE',
      uid: 'b',
      name: 'reviews-1',
      namespace: 'default',
      node: 'node2',
      status: 'Healthy',
    },
    {
      workloadIps: ['10.0.0.1'],
      protocol: 'TCP',
      uid: 'a',
      name: 'client-1',
      namespace: 'default',
      node: 'node1',
      status: 'Healthy',
    },
    {
      workloadIps: [],
      waypoint: { destination: 'gone/gone.example.com', hboneMtlsPort: 15008 },
      hostname: 'outside.example.com',
      protocol: 'TCP',
      uid: 'c',
      name: 'outside',
      namespace: 'away',
      status: 'Unhealthy',
    },
  ],
  services: [
    {
      name: 'waypoint',
      namespace: 'default',
      hostname: 'waypoint.default.svc.cluster.local',
      vips: ['net/10.9.0.7'],
      ports: { 15008: 15008 },
      endpoints: {},
    },
    {
      name: 'reviews',
      namespace: 'default',
      hostname: 'reviews.default.svc.cluster.local',
      vips: ['net/10.9.0.1', 'net/fd00:9::1'],
      cidrVips: [{ network: 'net', cidr: '10.8.0.0/16' }],
      ports: { 80: 8080 },
      endpoints: {
        b: { workloadUid: 'b', port: {}, status: 'Healthy' },
        c: { workloadUid: 'c', port: {}, status: 'Unhealthy' },
      },
      waypoint,
      visibility: 'Public',
    },
  ],
  policies: [
    { name: 'deny-all', namespace: 'istio-system', scope: 'Global', action: 'Deny', rules: [] },
    { name: 'view', namespace: 'default', scope: 'WorkloadSelector', action: 'Allow', rules: [] },
  ],
  certificates: [
    {
      identity: 'spiffe://cluster.local/ns/default/sa/client',
      state: 'Available',
      certChain: [
        {
          pem: '',
          serialNumber: '4096',
          validFrom: '2026-11-21T00:00:00Z',
          expirationTime: '2026-11-22T00:00:00Z',
        },
        ca,
      ],
      rootCerts: [{ ...ca, serialNumber: '16' }],
    },
    {
      identity: 'spiffe://cluster.local/ns/default/sa/new',
      state: 'Unavailable: no answer: connection refused',
      certChain: [],
      rootCerts: [],
    },
  ],
  workloadState: {
    a: {
      state: 'Up',
      connections: {
        inbound: [],
        outbound: [
          {
            src: '10.0.0.1:40000',
            originalDst: '10.9.0.1:80',
            actualDst: '10.0.0.2:15008',
            protocol: 'HBONE',
          },
        ],
      },
      info: { name: 'client-1', namespace: 'default', serviceAccount: 'client' },
    },
    b: {
      state: 'Up',
      connections: {
        inbound: [
          {
            src: '[fd00::9]:40000',
            originalDst: 'reviews.default.svc.cluster.local',
            actualDst: '[fd00::2]:8080',
            protocol: 'HBONE',
          },
        ],
        outbound: [],
      },
      info: { name: 'reviews-1', namespace: 'default', serviceAccount: 'reviews' },
    },
  },
};
