# SPDX-License-Identifier: BSD-3-Clause
# Runs tests of Python's standard library by name and prints, for each, one line: how many passed, how many did not because they
# start a process (there is no fork), and the names of those that failed for another reason. Its status is 0 where there is none of these.
import contextlib
import io
import sys
import unittest

FORK = ('_fork_exec', 'os.fork()', 'os.forkpty()', 'posix_spawn')


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.forks, self.wrong, self.passed = 0, {}, 0

    def take(self, test, error):
        text = self._exc_info_to_string(error, test)
        if any(word in text for word in FORK):
            self.forks += 1
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
          f'{len(result.wrong)} failed', *result.wrong, sep='\n    ', flush=True)
    if verbose:
        print(*result.wrong.values(), sep='\n')
    wrong += len(result.wrong)
sys.exit(wrong != 0)
