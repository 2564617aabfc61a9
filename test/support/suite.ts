// The only way tests use uvu. It closes uvu's traps: a failing set-up, a forgotten run(), `only`,
// a promise that never settles, and a handle that stays open all end in failing tests here.
//
//   const test = suite('connection table');
//   test('refuses a second owner', async ({ stack, signal }) => { ... });
//   test.run();

import { suite as uvuSuite } from 'uvu';

/** What a test receives. */
export interface TestContext {
  /** Disposed after the test, in reverse order, whatever its outcome. */
  readonly stack: AsyncDisposableStack;
  /** Aborted when the deadline passes. */
  readonly signal: AbortSignal;
}

export type TestBody = (context: TestContext) => void | Promise<void>;

/** A suite whose tests get what `setup` makes beside their own context. */
export interface Suite<Shared> {
  (title: string, body: (context: TestContext & Shared) => void | Promise<void>): void;
  /** Runs the suite; every test file must end with it. */
  run(): void;
}

export interface SuiteOptions<Shared> {
  /** Per test, milliseconds. Long enough that only a hang reaches it. */
  readonly deadlineMs?: number;
  /** Made once, in its own stack, before the first test; if it throws, every test fails with it. */
  readonly setup?: (context: TestContext) => Promise<Shared>;
}

const defaultDeadlineMs = 20_000;
/** How long after the summary the process may live before it counts as a leak. */
const leakGraceMs = 3_000;

let declared = 0;
let ran = 0;
let started = false;

/** Makes a suite. */
export function suite<Shared extends object = object>(
  title: string,
  options: SuiteOptions<Shared> = {},
): Suite<Shared> {
  const inner = uvuSuite(title);
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  const sharedStack = new AsyncDisposableStack();
  let shared: Promise<Shared> | undefined;

  const makeShared = (): Promise<Shared> => {
    shared ??= (async () => {
      if (options.setup === undefined) return {} as Shared;
      const setup = options.setup;
      return await withDeadline(`set-up of ${title}`, deadlineMs, (signal) =>
        setup({ stack: sharedStack, signal }),
      );
    })();
    return shared;
  };

  const declare = (name: string, body: (context: TestContext & Shared) => void | Promise<void>) => {
    declared++;
    inner(name, async () => {
      ran++;
      const own = await makeShared();
      await using stack = new AsyncDisposableStack();
      await withDeadline(name, deadlineMs, async (signal) => {
        await body({ ...own, stack, signal });
      });
    });
  };

  inner.after(async () => {
    await withDeadline(`tear-down of ${title}`, deadlineMs, () => sharedStack.disposeAsync());
    watchForLeaks();
  });

  return Object.assign(declare, {
    run() {
      started = true;
      inner.run();
    },
  });
}

async function withDeadline<T>(
  name: string,
  deadlineMs: number,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`"${name}" did not finish within ${deadlineMs} ms`);
      controller.abort(error);
      reject(error);
    }, deadlineMs);
  });
  try {
    return await Promise.race([body(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** After the last test the event loop must run empty by itself. */
function watchForLeaks(): void {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout');
    console.error(`still open after the last test: ${open.join(', ') || 'a timer'}`);
    process.exit(1);
  }, leakGraceMs).unref();
}

process.on('unhandledRejection', (error) => {
  console.error('unhandled rejection:', error);
  process.exitCode = 1;
});

// The loop ran empty by itself: nothing leaks. Node's own clean-up at the end of main may then wait
// without end for a request of a TLS socket that closed while it wrote; exiting explicitly skips it,
// as every process of the mesh does.
process.once('beforeExit', () => process.exit());

process.on('exit', () => {
  if (started && ran === declared && declared > 0) return;
  console.error(
    started ? `${declared} tests declared, ${ran} ran` : 'a test file never called run()',
  );
  process.exitCode = 1;
});
