#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each header compiles alone: check-headers.sh COMPILER FLAGS... (Those for the host may want GNU extensions.)
set -u
. "$(dirname "$0")/result.sh"

out=$(mktemp)
trap 'rm -f "$out"' EXIT

for header in $(find kernel rom cli -name '*.h' | sort); do
	if printf '#include "%s"\n' "$PWD/$header" | "$@" -D_GNU_SOURCE -fsyntax-only -x c - >"$out" 2>&1; then
		passed=$((passed + 1))
	else
		fail "$header does not compile alone"
		head -n 8 "$out"
	fi
done
# One test, not one per header.
[ $failed -ne 0 ] || { echo "PASS $passed headers compile alone"; passed=1; }
finish
