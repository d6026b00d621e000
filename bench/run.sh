#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Measures the figures of docs/performance.md and prints them as a table. Instruction counts are exact; wall times are medians of
# interleaved runs, and only their ratio says something.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh

failed=0
row()
{
	printf '| %s | %s | %s | %s |\n' "$1" "$2" "$3" "$4"
	[ "$2" != failed ] || failed=1
}

# The smallest memory in KiB with which the static glibc hello still prints: halving, down to steps of 128 KiB.
smallest_memory()
{
	low=1024 high=32768
	while [ $((high - low)) -gt 128 ]; do
		middle=$(((low + high) / 256 * 128))
		case $(boot hello-glibc size=${middle}K 2>/dev/null) in
		*hello*) high=$middle ;;
		*) low=$middle ;;
		esac
	done
	echo "$high"
}

# Nanoseconds that a command takes.
wall_ns()
{
	begin=$(date +%s%N)
	"$@" >/dev/null 2>&1 </dev/null
	echo $(($(date +%s%N) - begin))
}

median()
{
	sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

run_hello()
{
	./capuchin run --accel tcg --machine microvm -m 128 build/bench/hello
}

# shellcheck disable=SC2086
run_empty()
{
	qemu-system-x86_64 $machine -m 128 -kernel build/bench/empty.elf
}

# The two runs of a pair meet about the same load: the median of the pairs' ratios is steadier than the ratio of medians.
wall_ratio()
{
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		echo "$(wall_ns run_empty) $(wall_ns run_hello)"
	done >build/bench/wall
	ratio=$(awk '{ print $2 / $1 }' build/bench/wall | median)
	echo "$ratio $(awk '{ print $2 }' build/bench/wall | median) $(awk '{ print $1 }' build/bench/wall | median)" |
		awk '{ printf "%.2fx (%.0f ms beside %.0f ms)", $1, $2 / 1e6, $3 / 1e6 }'
}

# Time between entry and program in which nothing is executed, or polled for: by QEMU's clock of one instruction a nanosecond
# (-icount), less the instructions that it takes without that clock. The empty kernel tells when the entry is.
waiting()
{
	busy=$1
	clock='-icount shift=0,sleep=off'
	# shellcheck disable=SC2086
	at_program=$(boot waiting 128 $clock | tr -cd '0-9a-f\n' | grep -E '^[0-9a-f]{16}$' | head -n 1)
	# shellcheck disable=SC2086
	at_entry=$(kernel=build/bench/empty.elf boot waiting 128 $clock | tr -d '\r' | head -n 1)
	[ -n "$at_program" ] && [ -n "$at_entry" ] || return 1
	elapsed=$((0x$at_program - 0x$at_entry))
	echo $((elapsed > busy ? elapsed - busy : 0)) | awk '{ printf "%.3f ms", $1 / 1e6 }'
}

echo "Kernel $(sha256sum "$kernel" | cut -c1-12), $(qemu-system-x86_64 --version | head -n 1), $(date -u +%Y-%m-%d)"
echo
row figure measured must aim
echo '| --- | --- | --- | --- |'

if count hello 128; then
	small=$((ended - entered))
	row 'guest instructions, kernel entry to the first instruction of the program' $((started - entered)) 1,000,000 150,000
	row 'guest instructions, kernel entry to power-off, static musl hello' $small 1,500,000 300,000
else
	row 'guest instructions, static musl hello' failed 1,500,000 300,000
	small=0
fi
if count hello 4096 && [ $small -ne 0 ]; then
	row 'the same with 4 GiB of memory' "$((ended - entered)) ($(((ended - entered - small) * 100 / small)) %)" '+20 %' 'no growth'
else
	row 'the same with 4 GiB of memory' failed '+20 %' 'no growth'
fi
if count waiting 128; then
	row 'time spent waiting between entry and program' "$(waiting $((started - entered)) || echo failed)" '2 ms' 0
else
	row 'time spent waiting between entry and program' failed '2 ms' 0
fi
if count hello-dynamic 128; then
	row 'guest instructions, kernel entry to power-off, dynamic glibc hello' $((ended - entered)) 12,000,000 4,000,000
else
	row 'guest instructions, dynamic glibc hello' failed 12,000,000 4,000,000
fi
row 'smallest memory in which a static glibc hello runs' "$(smallest_memory) KiB" '16 MiB' '4 MiB'
row 'kernel image, stripped' "$(($(stat -c %s "$kernel") / 1024)) KiB" '900 KiB' '500 KiB'

arguments='-- 1000'
if count getppid 128 && few=$((ended - entered)) && arguments='-- 2000' && count getppid 128; then
	row 'guest instructions of a getppid round trip' $(((ended - entered - few) / 1000)) 200 80
else
	row 'guest instructions of a getppid round trip' failed 200 80
fi
unset arguments
row 'wall time of `capuchin run hello`, beside QEMU alone with an empty kernel' "$(wall_ratio)" 1.5x 1.1x
bench/abi.sh || failed=1
bench/block.sh || failed=1
bench/http.sh || failed=1
bench/network.sh || failed=1
bench/vsock.sh || failed=1
bench/vmms.sh || failed=1
exit $failed
