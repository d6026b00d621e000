#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What clang-format would change: `make format` changes it. Shell scripts must at least parse.
set -u
. "$(dirname "$0")/result.sh"

bad=$(find kernel rom cli tests bench -name '*.[ch]' -print0 |
	xargs -0 -P 2 -n 24 clang-format --dry-run -Werror 2>&1 | sed -nE 's/^([^: ]+):[0-9]+:.*/\1/p' | sort -u)
if [ -z "$bad" ]; then
	pass 'clang-format agrees'
else
	fail 'not formatted (make format does it)'
	echo "$bad"
fi

bad=$(find demo check .ci scripts tests bench -type f \( -name '*.sh' -o -name demo -o -name check -o -name run \) |
	while read -r file; do sh -n "$file" || echo "$file"; done 2>&1)
if [ -z "$bad" ]; then
	pass 'shell scripts parse'
else
	fail 'shell scripts do not parse'
	echo "$bad"
fi
finish
