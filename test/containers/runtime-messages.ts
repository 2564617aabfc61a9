// The few messages of the container runtime interface (kubernetes/cri-api, runtime.v1) that a kubelet
// needs to run a pod, as tables of field numbers: enough of protobuf to speak them.

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

type Kind = 'string' | 'bool' | 'int' | 'map' | 'bytes' | Shape;
/** Field numbers and kinds of a message; `many` marks repeated fields. */
export interface Shape {
  readonly [field: string]: readonly [number: number, kind: Kind, many?: 'many'];
}
export type Message = Readonly<Record<string, unknown>>;

const namespaceOptions: Shape = { network: [1, 'int'], pid: [2, 'int'], ipc: [3, 'int'] };
const image: Shape = { image: [1, 'string'] };
const number: Shape = { value: [1, 'int'] };
const profile: Shape = { profileType: [1, 'int'] };

const sandboxConfig: Shape = {
  metadata: [
    1,
    { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'], attempt: [4, 'int'] },
  ],
  hostname: [2, 'string'],
  logDirectory: [3, 'string'],
  labels: [6, 'map'],
  linux: [
    8,
    {
      cgroupParent: [1, 'string'],
      securityContext: [2, { namespaceOptions: [1, namespaceOptions], seccomp: [9, profile] }],
    },
  ],
};

const containerConfig: Shape = {
  metadata: [1, { name: [1, 'string'], attempt: [2, 'int'] }],
  image: [2, image],
  command: [3, 'string', 'many'],
  args: [4, 'string', 'many'],
  envs: [6, { key: [1, 'string'], value: [2, 'string'] }, 'many'],
  mounts: [
    7,
    {
      containerPath: [1, 'string'],
      hostPath: [2, 'string'],
      readonly: [3, 'bool'],
      propagation: [5, 'int'],
    },
    'many',
  ],
  logPath: [11, 'string'],
  linux: [
    15,
    {
      securityContext: [
        2,
        {
          capabilities: [1, { add: [1, 'string', 'many'], drop: [2, 'string', 'many'] }],
          privileged: [2, 'bool'],
          namespaceOptions: [3, namespaceOptions],
          runAsUser: [5, number],
          readonlyRootfs: [7, 'bool'],
          noNewPrivileges: [11, 'bool'],
          runAsGroup: [12, number],
          seccomp: [15, profile],
        },
      ],
    },
  ],
};

const sandboxId: Shape = { podSandboxId: [1, 'string'] };
const containerId: Shape = { containerId: [1, 'string'] };

/** Requests and answers by the name of the call. */
export const calls = {
  Status: [
    {},
    { status: [1, { conditions: [1, { type: [1, 'string'], status: [2, 'bool'] }, 'many'] }] },
  ],
  RunPodSandbox: [{ config: [1, sandboxConfig] }, sandboxId],
  StopPodSandbox: [sandboxId, {}],
  RemovePodSandbox: [sandboxId, {}],
  PodSandboxStatus: [
    sandboxId,
    { status: [1, { network: [5, { ip: [1, 'string'] }], state: [3, 'int'] }] },
  ],
  CreateContainer: [
    { ...sandboxId, config: [2, containerConfig], sandboxConfig: [3, sandboxConfig] },
    containerId,
  ],
  StartContainer: [containerId, {}],
  StopContainer: [{ ...containerId, timeout: [2, 'int'] }, {}],
  ContainerStatus: [
    containerId,
    { status: [1, { state: [3, 'int'], exitCode: [7, 'int'], message: [11, 'string'] }] },
  ],
  ExecSync: [
    { ...containerId, cmd: [2, 'string', 'many'], timeout: [3, 'int'] },
    { stdout: [1, 'bytes'], stderr: [2, 'bytes'], exitCode: [3, 'int'] },
  ],
} as const satisfies Record<string, readonly [request: Shape, answer: Shape]>;

/** Writes a message. */
export function encode(shape: Shape, message: Message): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of Object.entries(message)) {
    const entry = shape[field];
    if (entry === undefined) throw new TypeError(`no field ${field}`);
    const [tag, kind] = entry;
    for (const one of Array.isArray(value) ? value : [value]) writeField(writer, tag, kind, one);
  }
  return writer.finish();
}

function writeField(writer: BinaryWriter, tag: number, kind: Kind, value: unknown): void {
  const bytes = (content: Uint8Array): unknown => writer.uint32(tag * 8 + 2).bytes(content);
  if (kind === 'string') writer.uint32(tag * 8 + 2).string(String(value));
  else if (kind === 'bool') writer.uint32(tag * 8).bool(value === true);
  else if (kind === 'int') writer.uint32(tag * 8).int64(Number(value));
  else if (kind === 'bytes') bytes(value as Uint8Array);
  else if (kind === 'map') {
    const pair: Shape = { key: [1, 'string'], value: [2, 'string'] };
    for (const [key, text] of Object.entries(value as Record<string, string>)) {
      bytes(encode(pair, { key, value: text }));
    }
  } else bytes(encode(kind, value as Message));
}

/** Reads a message; what the shape does not know is passed over. */
export function decode(shape: Shape, bytes: Uint8Array): Message {
  const reader = new BinaryReader(bytes);
  const message: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [tag, wireType] = reader.tag();
    const found = Object.entries(shape).find(([, [number_]]) => number_ === tag);
    if (found === undefined) {
      reader.skip(wireType);
      continue;
    }
    const [field, [, kind, many]] = found;
    const value = readField(reader, kind);
    message[field] = many === undefined ? value : [...((message[field] ?? []) as []), value];
  }
  return message;
}

function readField(reader: BinaryReader, kind: Kind): unknown {
  if (kind === 'string') return reader.string();
  if (kind === 'bool') return reader.bool();
  if (kind === 'int') return Number(reader.int64());
  const content = reader.bytes();
  return typeof kind === 'object' ? decode(kind, content) : content;
}
