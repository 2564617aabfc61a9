import * as assert from 'uvu/assert';
import { errnoOf, runCommand } from '../../src/linux/commands.ts';
import { LinuxError } from '../../src/linux/errors.ts';
import { suite } from '../support/suite.ts';

const test = suite('nft and ip commands');

test('have the kernel reason of their failure read from what they say', () => {
  for (const [said, errno] of [
    ['Error: Could not process rule: Operation not permitted', 'EPERM'],
    ['mnl.c:49: Unable to initialize Netlink socket: Permission denied', 'EPERM'],
    ['RTNETLINK answers: File exists', 'EEXIST'],
    ['Cannot find device "eth7"', 'ENODEV'],
    ['Device "eth7" does not exist.', 'ENODEV'],
    ['RTNETLINK answers: No such process', 'ESRCH'],
    ['Error: No such file or directory; did you mean table', 'ENOENT'],
    ['Error: syntax error, unexpected string', 'EIO'],
    ['', 'EIO'],
  ] as const) {
    assert.is(errnoOf(said), errno, said);
  }
});

test('that reject their script before reading all of it are reported by their words', async () => {
  const script = `nonsense\n${'# filler\n'.repeat(200_000)}`;
  try {
    await runCommand({ program: 'nft', args: ['--check', '-f', '-'], script });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LinuxError);
    assert.is((error as LinuxError).operation, 'nft --check -f -');
    assert.match((error as LinuxError).stderr ?? '', 'nonsense');
    assert.is((error as LinuxError).errno, 'EIO');
  }
});

test.run();
