#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs host unit tests (cmocka programs): a line per test with the program's name before it.
set -u
. "$(dirname "$0")/result.sh"

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for program in "$@"; do
	name=$(basename "$program")
	name=${name#test_}
	timeout 120 "$program" >"$out" 2>&1
	status=$?
	before=$failed
	while read -r line; do
		case $line in
		'ok '*'# SKIP '*) skip "$name: ${line##*# SKIP }" "the test says so" ;;
		'ok '*) pass "$name: ${line#ok * - }" ;;
		'not ok '*) fail "$name: ${line#not ok * - }" ;;
		esac
	done <"$out"
	[ $status -ne 0 ] && [ $before -eq $failed ] && fail "$name" "ended with status $status"
	[ $before -eq $failed ] || sed 's/^/    /' "$out" | tail -n 60
done
finish
