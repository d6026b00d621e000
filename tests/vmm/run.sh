#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Boots the kernel by the entries of Firecracker and libkrun, on KVM. Where KVM has no hardware below it, it emulates kernel mode
# and cannot enter the kernel at the program's first system call: then the tests go as far as the program's start.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

host=build/vmm/kvm_linux64
kernel=build/capuchin.elf
log=build/vmm/log

common='init=/init loglevel=7'
if grep -qE '^flags.* (vmx|svm)' /proc/cpuinfo; then
	expected='end: reset, status 0'
	until=
else
	expected='end: seen'
	until='--until starting'
	# What KVM's emulator lacks: XSAVE, CLAC and STAC.
	common="$common noxsave nosmap"
fi

# boots NAME OPTION...
boots()
{
	name=$1
	shift
	# shellcheck disable=SC2086
	$host --timeout 60 --initrd build/bench/hello.erofs $until "$@" $kernel >$log 2>&1
	status=$?
	if [ $status -eq 77 ]; then
		skip "$name" "$(tail -n 1 $log)"
	elif grep -qaF "$expected" $log; then
		pass "$name"
	else
		fail "$name" "$(tail -n 1 $log)"
		tail -n 20 $log | sed 's/^/    /'
	fi
}

boots linux64_entry_starts_the_program --cmdline "$common"
boots linux64_entry_starts_the_program_with_4_mib --cmdline "$common" -m 4
boots linux64_entry_starts_the_program_with_5_gib --cmdline "$common" -m 5120
boots linux64_entry_ignores_the_words_of_the_monitor \
	--cmdline "$common reboot=k panic=1 nomodule 8250.nr_uarts=0 pci=off root=/dev/vda ro virtio_mmio.device=4K@0xc0001000:5"
boots linux64_entry_takes_2047_bytes_of_command_line \
	--cmdline "$common A=$(printf '%*s' $((2044 - ${#common})) '' | tr ' ' x)"
boots pvh_entry_without_rsdp_starts_the_program --pvh --cmdline "$common"
boots libkrun_linux64_entry_starts_the_program --libkrun --cmdline "$common virtio_mmio.device=4K@0xd0000000:5 tsi_hijack -- "
boots libkrun_pvh_entry_starts_the_program --libkrun --pvh --cmdline "$common"
if [ -z "$until" ]; then
	boots linux64_entry_runs_without_optional_features --cmdline "$common noxsave nosmap nosmep nox2apic nokaslr"
else
	skip linux64_entry_runs_the_program_to_its_end 'KVM emulates kernel mode only: no hardware virtualisation here'
fi
finish
