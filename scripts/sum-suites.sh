#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Sums up the suites named: what failed, what was skipped, and last "N passed, N failed, N skipped".
set -u

dir=build/check
passed=0 failed=0 skipped=0
echo '== summary'
for suite in "$@"; do
	if [ -f "$dir/$suite.count" ]; then
		read -r p f s <"$dir/$suite.count"
		grep -aE '^(FAIL|SKIP)' "$dir/$suite.log" | sed "s/^/$suite: /"
	else
		echo "$suite: FAIL did not run (its build failed?)"
		p=0 f=1 s=0
	fi
	printf '%-12s %5d passed %5d failed %5d skipped\n' "$suite" "$p" "$f" "$s"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
