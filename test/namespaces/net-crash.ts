// A process that makes a local network with a pod, says the pid of the pod's process, and waits to be
// killed.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { LocalNetwork } from '../../src/standalone/network/local-network.ts';

const [, , mesh = '', nodesFolder = ''] = process.argv;
const network = await LocalNetwork.create({ mesh, nodes: ['node1', 'node2'], nodesFolder });
const pod = NetworkNamespace.create(path.join(network.node('node1').root, 'run/netns/pod1'));
const child = pod.run(() => spawn('sleep', ['600'], { stdio: 'ignore', detached: true }));
console.log(String(child.pid));
setInterval(() => undefined, 60_000);
