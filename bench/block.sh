#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What reading a disk at random costs, in guest instructions, beside a Linux guest with the same program, machine and disk: a table.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/linux.sh

program=build/bench/block
disk=build/bench/block.img
reads=1000
machine="-M q35 -accel tcg -cpu max -nodefaults -no-user-config -no-reboot -display none -serial stdio"

# measure NAME QEMU-OPTION...: what a read costs in one guest, to stdout.
measure()
{
	counts=build/bench/block.$1
	shift
	marks=$(nm "$program" | sed -n 's/^\([0-9a-f]*\) T mark_\(.*\)/,\2=\1/p' | tr -d '\n')
	# shellcheck disable=SC2086
	timeout 180 qemu-system-x86_64 $machine -m 512 "$@" -drive if=none,id=disk,file=$disk,format=raw,readonly=on \
		-device virtio-blk-pci,drive=disk -plugin "build/bench/icount.so,out=$counts$marks" </dev/null 2>&1 | grep -q '^done' || return 1
	awk -v reads=$reads '$1 == "read_begin" { begin = $2 } $1 == "read_end" { end = $2 }
		END { if (!end) exit 1; printf "%.0f", (end - begin) / reads }' "$counts"
}

linux_root()
{
	rm -rf build/bench/block.root
	mkdir -p build/bench/block.root
	linux_devices build/bench/block.root
	cp $program build/bench/block.root/program
	linux_initrd build/bench/block.cpio.gz build/bench/block.root
}

truncate -s 256M $disk
ours=$(measure capuchin -kernel "$kernel" -initrd $program.erofs -append init=/init) || { echo "the program failed" >&2; exit 1; }
theirs=
if linux=$(linux_kernel) && linux_root; then
	theirs=$(measure linux -kernel "$linux" -initrd build/bench/block.cpio.gz -append 'console=ttyS0 quiet panic=-1 tsc=reliable reboot=t')
fi
echo
echo '| a disk, guest instructions | Capuchin | Linux | ratio (must 1.0x, aim 0.5x) |'
echo '| --- | --- | --- | --- |'
printf '| random read of 4 KiB | %s | %s | %s |\n' "$ours" "${theirs:-not measured}" \
	"$(awk -v a="$ours" -v b="${theirs:-0}" 'BEGIN { if (b > 0) printf "%.2fx", a / b; else print "-" }')"
