// Where the manifests are that belong to this command line.

import path from 'node:path';

/** The folder deploy/ of the same checkout or package. */
export const deployFolder: string = path.resolve(import.meta.dirname, '../../../deploy');
