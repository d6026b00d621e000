#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The table of system calls in docs/linux-abi.md, made from kernel/linux/syscalls.def: all below the line that names this script.
#
#	syscall-table.sh [--check]: writes it, or says whether the file is as it would be written.
set -eu
cd "$(dirname "$0")/.."

list=kernel/linux/syscalls.def page=docs/linux-abi.md
new=$(mktemp)
trap 'rm -f "$new"' EXIT

sed '/^<!-- scripts\/syscall-table.sh/q' "$page" >"$new"
grep -q '^<!-- scripts/syscall-table.sh' "$new"

awk -F '[(,]' '
	/^(SYSCALL|ABSENT)\(/ {
		name = $3
		gsub(/[ )]/, "", name)
		state = $1 == "ABSENT" || /\/\* absent: / ? "absent" : "works"
		if (match($0, /\/\* partial: .* \*\/$/)) {
			state = "partial"
			notes = notes "| `" name "` | " substr($0, RSTART + 12, RLENGTH - 15) " |\n"
		}
		count[state]++
		names[state] = names[state] (names[state] == "" ? "" : ", ") name
	}
	END {
		printf "\n**Works** (%d): %s.\n", count["works"], names["works"]
		printf "\n**Works in part** (%d):\n\n| call | what is missing |\n| --- | --- |\n%s", count["partial"], notes
		printf "\n**Absent**, ENOSYS (%d): %s.\n", count["absent"], names["absent"]
	}' "$list" | awk '/^\|/ { print; next } { print | "fold -s -w 120 | sed \"s/ *$//\""; close("fold -s -w 120 | sed \"s/ *$//\"") }' >>"$new"

if [ "${1-}" = --check ]; then
	if cmp -s "$new" "$page"; then
		echo "ok $page has the system calls of $list"
		echo "1 passed, 0 failed, 0 skipped"
		exit 0
	fi
	echo "FAIL $page is not what $list says: make docs"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
cat "$new" >"$page"
