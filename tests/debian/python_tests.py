# SPDX-License-Identifier: BSD-3-Clause
# Runs tests of Python's standard library by name and prints, for each, one line: how many passed, how many did not because they
# start a process (there is no fork) or are known not to, and the names of those that failed for another reason. Its status is 0
# where there is none of these.
import contextlib
import io
import sys
import unittest

from test import support

# As Python's own runner has it for slow machines: an emulated one takes its time for TLS.
support.LOOPBACK_TIMEOUT, support.SHORT_TIMEOUT, support.LONG_TIMEOUT = 60, 600, 1200

# What is known not to work: a part of the test's name, and why.
KNOWN = {
    'UDPLITE': 'there is no UDP-Lite',
    'testGetServBy': 'the root has no /etc/services',
    'testGetaddrinfo': 'the root has no /etc/services',
    'test_create_connection_service_name': 'the root has no /etc/services',
    '_pty': 'there are no pseudo-terminals',
    'test_openpty': 'there are no pseudo-terminals',
    'Spawn': 'starts a process',
    'test_noinherit': 'starts a process',
    'test_fcntl_64_bit': 'there is no F_NOTIFY',
}
FORK = ('_fork_exec', '_spawnvef', 'fork()', 'forkpty()', 'posix_spawn')


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.forks, self.known, self.wrong, self.passed = 0, 0, {}, 0

    def take(self, test, error):
        text = self._exc_info_to_string(error, test)
        if any(word in text for word in FORK):
            self.forks += 1
        elif any(word in str(test) for word in KNOWN):
            self.known += 1
        else:
            self.wrong[str(test)] = text

    def addError(self, test, error):
        self.take(test, error)

    def addFailure(self, test, error):
        self.take(test, error)

    def addSubTest(self, test, subtest, error):
        if error:
            self.take(subtest, error)

    def addSuccess(self, test):
        self.passed += 1


verbose = sys.argv[1] == '-v'
wrong = 0
for name in sys.argv[1 + verbose:]:
    result = Result()
    suite = unittest.defaultTestLoader.loadTestsFromName('test.' + name)
    if verbose:
        suite.run(result)
    else:
        with contextlib.redirect_stderr(io.StringIO()):
            suite.run(result)
    print(f'{name}: {result.passed} passed, {len(result.skipped)} skipped, {result.forks} start processes, '
          f'{result.known} known not to work, {len(result.wrong)} failed', *result.wrong, sep='\n    ', flush=True)
    if verbose:
        print(*result.wrong.values(), sep='\n')
    wrong += len(result.wrong)
sys.exit(wrong != 0)
