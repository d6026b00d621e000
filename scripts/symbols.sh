#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Reads `nm -n` of the kernel, writes the C tables that kernel/port/x86_64/symbols.c looks names up in:
# offsets from the image's start, ascending, and the names one after another.
exec awk '
BEGIN {
	print "#include <stdint.h>"
	print "extern const uint32_t symbol_offsets[];"
	print "extern const char symbol_names[];"
	print "extern const uint32_t symbol_count;"
}
$3 == "image_start" { base = $1 }
$2 ~ /^[tT]$/ && $3 !~ /^\./ { address[n] = $1; name[n++] = $3 }
function hex(s,   i, v) {
	v = 0
	for (i = 1; i <= length(s); i++)
		v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return v
}
END {
	# nm lists absolute symbols too: what lies below the image is none of its functions.
	first = 0
	while (first < n && address[first] < base)
		first++
	printf "const uint32_t symbol_count = %d;\n", n - first
	print "const uint32_t symbol_offsets[] = {"
	for (i = first; i < n; i++)
		printf "%d,\n", hex(address[i]) - hex(base)
	print "0 };"
	print "const char symbol_names[] ="
	for (i = first; i < n; i++)
		printf "\"%s\\0\"\n", name[i]
	print "\"\";"
}'
