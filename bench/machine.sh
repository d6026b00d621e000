# SPDX-License-Identifier: BSD-3-Clause
# To be sourced, from the project's root: runs a program on QEMU's TCG and counts its instructions.

kernel=build/capuchin.elf
machine="-M microvm,acpi=off -accel tcg -cpu max -nodefaults -no-user-config -no-reboot -display none -serial stdio"

# The physical address of an image's 32-bit entry: its note "Xen", type 18.
pvh_entry()
{
	readelf -nW "$1" 2>/dev/null | sed -nE 's/.*0x0*12\).*description data: (..) (..) (..) (..).*/\4\3\2\1/p' | head -n 1
}

# A program's first address, in hexadecimal.
program_entry()
{
	readelf -hW "$1" | sed -nE 's/.*Entry point address: *0x([0-9a-f]+).*/\1/p'
}

# boot PROGRAM MEMORY [QEMU OPTION...]: boots build/bench/PROGRAM with the kernel arguments of $arguments; the console to stdout.
boot()
{
	program=$1 memory=$2
	shift 2
	# shellcheck disable=SC2086
	timeout 30 qemu-system-x86_64 $machine -m "$memory" -kernel "$kernel" -initrd "build/bench/$program.erofs" \
		-append "init=/init ${arguments-}" "$@" </dev/null
}

# count PROGRAM MEMORY [QEMU OPTION...]: sets $entered, $started and $ended, in instructions since power-on, and $console.
count()
{
	counts=build/bench/counts
	rm -f "$counts"
	marks="entered=$(pvh_entry "$kernel"),started=$(program_entry "build/bench/$1")"
	console=$(boot "$@" -plugin "build/bench/icount.so,out=$counts,$marks") || return 1
	entered=$(awk '$1 == "entered" { print $2 }' "$counts")
	started=$(awk '$1 == "started" { print $2 }' "$counts")
	ended=$(awk '$1 == "total" { print $2 }' "$counts")
	[ -n "$entered" ] && [ -n "$started" ] && [ -n "$ended" ]
}
