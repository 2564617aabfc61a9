// ambit check: whether a cluster can take the mesh, before anything is changed.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { checkCluster } from '../check/check-cluster.ts';
import { linesOf, summaryOf } from '../check/print-rows.ts';
import { isAtLeast } from '../check/row.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command } from '../command.ts';
import { deployFolder } from '../install/deploy-folder.ts';
import { ObjectApi } from '../install/object-api.ts';
import { readDeploy } from '../install/read-deploy.ts';
import { documentOf } from '../output.ts';

const usage = `ambit check --pre   whether the cluster can take the mesh; changes nothing

Looks at the server's version, your permissions, the Gateway API, other meshes, the nodes and their network
plugins, and webhooks that would be in the way. Ends with 1 when there is a warning or an error.

  -o, --output FORM          table, json or yaml
${clusterUsage}`;

export const check: Command = {
  name: 'check',
  summary: 'look at a cluster before the mesh is installed',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...clusterOptions, ...outputOptions, pre: { type: 'boolean', default: false } },
    });
    if (!values.pre) {
      const problem =
        'say --pre: what runs is looked at by ambit status, and objects by ambit analyze';
      throw new AmbitError('AMB1801', problem);
    }
    const form = outputForm(values.output, ['table', 'json', 'yaml']);
    const cluster = openCluster(values, context.env);
    const api = new ObjectApi(cluster);
    const { objects } = readDeploy(deployFolder);
    const { rows } = await checkCluster(cluster, api, objects, values.istioNamespace);
    context.stdout(
      form === 'table'
        ? `${[...linesOf(rows, context), summaryOf(rows)].join('\n')}\n`
        : documentOf(rows, form),
    );
    return rows.some((row) => isAtLeast(row, 'warning')) ? 1 : 0;
  },
};
