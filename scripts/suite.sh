#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs one suite of `make check` and stores its counts: suite.sh NAME LIMIT_SECONDS COMMAND...
#
# A suite prints a line per test and, last, "N passed, N failed, N skipped". One that does not, that fails without naming a
# failed test, or that runs out of time, counts as one more failure. Output: build/check/NAME.log; counts: NAME.count.
set -u

name=$1 limit=$2
shift 2
dir=build/check
mkdir -p "$dir"
rm -f "$dir/$name.count"

start=$(date +%s)
timeout --kill-after=10 "$limit" "$@" >"$dir/$name.log" 2>&1 </dev/null
status=$?
seconds=$(($(date +%s) - start))

counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$dir/$name.log" | tail -n 1)
if [ -z "$counts" ]; then
	counts='0 1 0'
	echo "$name: ended with status $status without a result" >>"$dir/$name.log"
elif [ $status -ne 0 ] && [ "$(echo "$counts" | cut -d' ' -f2)" -eq 0 ]; then
	counts=$(echo "$counts" | awk '{ print $1, $2 + 1, $3 }')
	echo "$name: ended with status $status" >>"$dir/$name.log"
fi

# One piece, so that suites that run side by side do not mix their output.
printf '%s\n== %s: %s s\n' "$(cat "$dir/$name.log")" "$name" "$seconds"
echo "$counts" >"$dir/$name.count"
