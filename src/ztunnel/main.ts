// The node proxy's process: settings, start, and an orderly end.

import { systemClock } from '../runtime/clock.ts';
import { causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import { readSettings } from '../runtime/settings.ts';
import { untilShutdown } from '../runtime/shutdown.ts';
import { headersIn, proxyMetadata } from './proxy-metadata.ts';
import { drainDeadlineMs, settingsTable } from './settings.ts';
import { Ztunnel } from './ztunnel.ts';

const fallbackLog = createLogger('ztunnel', 'info');
try {
  const settings = readSettings(settingsTable, process.env);
  const log = createLogger('ztunnel', settings.LOG_LEVEL);
  const ztunnel = new Ztunnel(settings, {
    clock: systemClock,
    log,
    metadata: proxyMetadata(process.env),
    headers: {
      controller: headersIn(process.env, 'XDS_HEADER_'),
      authority: headersIn(process.env, 'CA_HEADER_'),
    },
  });
  await ztunnel.start();
  log.info({ node: settings.NODE_NAME, ports: ztunnel.ports }, 'started');
  process.exitCode = await untilShutdown(
    {
      drain: (deadline) => ztunnel.drain(deadline),
      deadlineMs: drainDeadlineMs(settings),
      clock: systemClock,
      log,
    },
    ztunnel.quit,
  );
  // A second signal must end the process even if something still holds it.
  process.exit();
} catch (error) {
  fallbackLog.error({ code: codeOf(error), error: causeChain(error) }, 'could not start');
  process.exit(1);
}
