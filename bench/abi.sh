#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What system calls cost a program, in guest instructions, beside a Linux guest with the same program, machine and CPU: a table.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/linux.sh

program=build/bench/abi
rows='getppid:1000:null system call (getppid)
clock:1000:clock_gettime through the vDSO
fault:1000:minor page fault
pipe:200:pipe ping-pong, a round trip of two switches
thread:100:thread create and join
mmap:20:mmap, touch and munmap of 1 MiB
file:200:open, read and close of a small file'

marks()
{
	nm "$program" | sed -n 's/^\([0-9a-f]*\) T mark_\(.*\)/,\2=\1/p' | tr -d '\n'
}

# measure NAME QEMU-OPTION...: counts of one guest into build/bench/abi.NAME.
measure()
{
	guest=$1
	shift
	# shellcheck disable=SC2086
	timeout 120 qemu-system-x86_64 $machine -m 512 "$@" -plugin "build/bench/icount.so,out=build/bench/abi.$guest$(marks)" \
		</dev/null 2>&1 | grep -q '^done' && grep -q '^thread_end' "build/bench/abi.$guest"
}

cost()
{
	awk -v row="$2" -v times="$3" '$1 == row "_begin" { begin = $2 } $1 == row "_end" { end = $2 }
		END { if (end) printf "%.0f", (end - begin) / times; else print "failed" }' "build/bench/abi.$1"
}

measure capuchin -kernel "$kernel" -initrd $program.erofs -append init=/init || { echo "the program failed" >&2; exit 1; }
beside=
if linux=$(linux_kernel); then
	rm -rf build/bench/abi.root
	mkdir -p build/bench/abi.root
	cp $program build/bench/abi.root/init
	linux_initrd build/bench/abi.cpio.gz build/bench/abi.root
	# The end of the first process is a panic, which restarts the machine at once: the end for QEMU.
	measure linux -kernel "$linux" -initrd build/bench/abi.cpio.gz -append 'console=ttyS0 quiet panic=-1 tsc=reliable reboot=t' && beside=yes
fi
echo
echo "Guest instructions; Linux: ${linux:+$(basename "$linux")}"
echo
echo '| what a program does | Capuchin | Linux | ratio (must 1.0x, aim 0.5x) |'
echo '| --- | --- | --- | --- |'
printf '%s\n' "$rows" | while IFS=: read -r row times text; do
	ours=$(cost capuchin "$row" "$times")
	theirs=${beside:+$(cost linux "$row" "$times")}
	printf '| %s | %s | %s | %s |\n' "$text" "$ours" "${theirs:-not measured}" \
		"$(awk -v a="$ours" -v b="${theirs:-0}" 'BEGIN { if (b > 0) printf "%.2fx", a / b; else print "-" }')"
done
