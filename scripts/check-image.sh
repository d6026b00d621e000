#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What must be true of a kernel image that every loader takes: check-image.sh IMAGE
set -u
. "$(dirname "$0")/result.sh"
. bench/machine.sh

image=$1
limit_kib=900
segments=$(readelf -lW "$image" | awk '$1 == "LOAD" { flags = ""; for (i = 7; i < NF; i++) flags = flags $i; print $4, flags }')

# It moves itself by its relative relocations, and applies no others. (binutils call a file that is not linked at 0 EXEC.)
relocations=$(readelf -SW "$image" | sed -nE 's/^ *\[ *[0-9]+\] [^ ]+ +(RELR|RELA|REL) .*/\1/p' | sort | uniq | tr '\n' ' ')
if [ "$relocations" = 'RELR ' ]; then
	pass 'is position independent, by relative relocations only'
else
	fail 'is position independent, by relative relocations only' "has: $relocations"
fi
if readelf -nW "$image" 2>/dev/null | grep -qE 'Xen +0x0*[48]'; then
	pass 'has the PVH note'
else
	fail 'has the PVH note'
fi
if echo "$segments" | grep -q 'W.*E'; then
	fail 'no segment is writable and executable' "$segments"
else
	pass 'no segment is writable and executable'
fi
# Firecracker and Cloud Hypervisor refuse segments below 1 MiB.
low=$(echo "$segments" | while read -r address _; do [ $((address)) -ge 1048576 ] || echo "$address"; done)
if [ -n "$segments" ] && [ -z "$low" ]; then
	pass 'is loaded at or above 1 MiB'
else
	fail 'is loaded at or above 1 MiB' "$low"
fi
kib=$(($(stat -c %s "$image") / 1024))
if [ $kib -le $limit_kib ]; then
	pass "has at most $limit_kib KiB ($kib)"
else
	fail "has at most $limit_kib KiB" "$kib"
fi
kernel=$image
case $(boot hello 64) in
hello*'exit=0'*) pass 'boots a program' ;;
*) fail 'boots a program' ;;
esac
finish
