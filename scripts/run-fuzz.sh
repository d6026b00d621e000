#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs each fuzz target for a short time, from a fixed seed and the corpus in tests/corpus/<name>: run-fuzz.sh SECONDS TARGET...
set -u
. "$(dirname "$0")/result.sh"

seconds=$1
shift
export ASAN_OPTIONS=allocator_may_return_null=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for target in "$@"; do
	name=$(basename "$target")
	name=${name#fuzz_}
	mkdir -p "$work/$name" build/fuzz
	corpus=tests/corpus/$name
	[ -d "$corpus" ] || corpus=
	# shellcheck disable=SC2086
	if "$target" -seed=1 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
		-artifact_prefix="build/fuzz/$name-" "$work/$name" $corpus >"$work/log" 2>&1; then
		pass "$name ($(sed -n 's/^Done \([0-9]*\) runs.*/\1 inputs/p' "$work/log"))"
	else
		fail "$name" "the input is build/fuzz/$name-*"
		tail -n 40 "$work/log" | sed 's/^/    /'
	fi
done
finish
