// A profile of what fills the heap, sampled by V8 while the process runs.

import { Session } from 'node:inspector/promises';
import { type AdminAnswer, type AdminRoute, only } from './admin-server.ts';

/** Mean distance between samples, in bytes; V8's own choice, cheap enough to leave on. */
const samplingInterval = 512 * 1024;

/** `/debug/pprof/heap/profiling?activate=true` begins to sample what is allocated, `activate=false` ends it,
 * without a parameter it says whether it runs. `/debug/pprof/heap` answers what was allocated since and
 * still lives, by the function that did, in V8's own format (.heapprofile), which browsers' developer
 * tools open; 500 while nothing is sampled, as a stock ztunnel has it. */
export function heapRoutes(): Readonly<Record<string, AdminRoute>> {
  const sampler = new HeapSampler();
  return {
    '/debug/pprof/heap': only(['GET', 'POST'], () => sampler.profile()),
    '/debug/pprof/heap/profiling': only(['GET', 'POST'], async ({ query }) => {
      const activate = query.get('activate');
      if (activate === 'true') await sampler.start();
      else if (activate === 'false') sampler.stop();
      else if (activate !== null) return { status: 400, body: 'activate must be true or false\n' };
      return { status: 200, body: `heap profiling is ${sampler.active ? 'on' : 'off'}\n` };
    }),
  };
}

class HeapSampler {
  #session: Session | undefined;

  get active(): boolean {
    return this.#session !== undefined;
  }

  async start(): Promise<void> {
    if (this.#session !== undefined) return;
    const session = new Session();
    this.#session = session;
    session.connect();
    await session.post('HeapProfiler.enable');
    await session.post('HeapProfiler.startSampling', { samplingInterval });
  }

  /** Ends the sampling, and forgets. */
  stop(): void {
    this.#session?.disconnect();
    this.#session = undefined;
  }

  async profile(): Promise<AdminAnswer> {
    if (this.#session === undefined) {
      const body = 'heap profiling is off; ask /debug/pprof/heap/profiling?activate=true first\n';
      return { status: 500, body };
    }
    const { profile } = await this.#session.post('HeapProfiler.getSamplingProfile');
    return {
      status: 200,
      body: JSON.stringify(profile),
      contentType: 'application/json',
      headers: { 'content-disposition': 'attachment; filename="heap.heapprofile"' },
    };
  }
}
