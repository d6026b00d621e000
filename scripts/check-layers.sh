#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each source file includes only what docs/layers.txt allows its layer, be it by way of other headers:
# check-layers.sh COMPILER FLAGS...
set -u
. "$(dirname "$0")/result.sh"

# "source: header" for each of the project's headers that a source file reaches, and for each header what it includes itself.
reached()
{
	find kernel rom cli bench -name '*.c' | sort | while read -r file; do
		"$@" -MM -MT source "$file" 2>/dev/null | tr -s ' \\' '\n\n' | grep '\.h$' | sed "s|^|$file |"
	done
	find kernel/include -name '*.h' | while read -r file; do
		sed -nE "s|^#include <([^>]+)>.*|$file kernel/include/\1|p" "$file"
	done | while read -r file header; do [ -f "$header" ] && echo "$file $header"; done
}

bad=$(reached "$@" | awk '
	function layer_of(path,    best, len, p) {
		best = ""; len = 0
		for (p in layer_at)
			if (index(path, p) == 1 && length(p) > len) { best = layer_at[p]; len = length(p) }
		return best
	}
	NR == FNR {
		sub(/#.*/, "")
		if (split($0, column, "|") < 3)
			next
		gsub(/ /, "", column[1])
		layer = column[1]
		n = split(column[2], prefix, " ")
		for (i = 1; i <= n; i++)
			layer_at[prefix[i]] = layer
		n = split(column[3], may, " ")
		for (i = 1; i <= n; i++) {
			if (may[i] == "all-below")
				for (other in known) allowed[layer, other] = 1
			else
				allowed[layer, may[i]] = 1
		}
		known[layer] = 1
		next
	}
	{
		# Paths such as kernel/mm/../x.h do not occur: the include root is the one way to another folder.
		from = layer_of($1); to = layer_of($2)
		test = $1 ~ /\/(test|fuzz|sim)_[^\/]*\.c$/
		if (from == "" || to == "")
			print $1 ": no layer in docs/layers.txt, or for " $2
		else if (from != to && !((from, to) in allowed) && !((from, $2) in allowed) && !(test && to == "host"))
			print $1 " (" from ") includes " $2 " (" to ")"
	}' docs/layers.txt - | sort -u)

if [ -z "$bad" ]; then
	pass 'every layer includes only lower ones (docs/layers.txt)'
else
	fail 'includes that docs/layers.txt does not allow'
	echo "$bad"
fi
finish
