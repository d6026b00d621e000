#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# No header includes itself, directly or by way of others. Reads the #include lines of all headers, and lets tsort look.
set -u
. "$(dirname "$0")/result.sh"

loops=$(find kernel rom cli tests -name '*.h' | while read -r header; do
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]+).*/\1/p' "$header" | while read -r included; do
		case $included in
		'<'*) path=kernel/include/${included#?} ;;
		*) path=$(dirname "$header")/${included#?} ;;
		esac
		[ -f "$path" ] && echo "$header $path"
	done
done | tsort 2>&1 >/dev/null)

if [ -z "$loops" ]; then
	pass 'headers include each other without cycles'
else
	fail 'headers include each other in a cycle'
	echo "$loops"
fi
finish
