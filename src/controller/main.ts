// The controller's process: settings, signals, start, stop.

import { systemClock as clock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger, type Logger } from '../runtime/log.ts';
import { readSettings } from '../runtime/settings.ts';
import { untilShutdown } from '../runtime/shutdown.ts';
import { Controller } from './controller.ts';
import { ApiClient } from './kubernetes/api-client.ts';
import { type ControllerSettings, controllerSettings, fieldManagerOf } from './settings.ts';

/** Longer than the gRPC server takes to drain. */
const drainDeadlineMs = 8000;

async function run(settings: ControllerSettings, log: Logger): Promise<number> {
  using client = ApiClient.inCluster(fieldManagerOf(settings));
  await using controller = new Controller({ client, settings, clock, log });
  await controller.start();
  const drain = async (): Promise<void> => {
    await controller[Symbol.asyncDispose]();
  };
  return await untilShutdown({ drain, deadlineMs: drainDeadlineMs, clock, log });
}

const settings = readSettings(controllerSettings, process.env);
const log = createLogger('controller', settings.LOG_LEVEL);
try {
  process.exit(await run(settings, log));
} catch (error) {
  log.error({ code: codeOf(error) }, `the controller cannot run: ${causeChain(error)}`);
  process.exit(1);
}
