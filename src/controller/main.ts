// The controller's process: settings, signals, start, stop.

import { systemClock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import { readSettings } from '../runtime/settings.ts';
import { Controller } from './controller.ts';
import { ApiClient } from './kubernetes/api-client.ts';
import { controllerSettings } from './settings.ts';

/** Longer than the gRPC server takes to drain. */
const shutdownMs = 8000;

const settings = readSettings(controllerSettings, process.env);
const log = createLogger('controller', settings.LOG_LEVEL);

try {
  const client = ApiClient.inCluster();
  const controller = new Controller({ client, settings, clock: systemClock, log });
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), shutdownMs).unref();
    void controller[Symbol.asyncDispose]().finally(() => {
      client[Symbol.dispose]();
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await controller.start();
} catch (error) {
  log.error({ code: codeOf(error) }, `the controller cannot run: ${causeChain(error)}`);
  process.exit(1);
}
