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

# --- Firecracker's devices ------------------------------------------------------------------------
#
# The kernel tests itself over a disk, a network and a vsock device where Firecracker has them, and tells faults of each.

disk=build/vmm/disk
address='ip=10.0.0.2::10.0.0.1:255.255.255.0::eth0:off'
selftest="init=selftest noxsave nosmap selftest.memory=1"

# scratch: a disk that the self-test may write.
scratch()
{
	rm -f $disk
	truncate -s 64K $disk
	printf 'capuchin scratch disk\n' | dd of=$disk conv=notrunc 2>/dev/null
}

# has_lines TEXTS: the log has a line for each of the patterns, which stand on a line each.
has_lines()
{
	echo "$1" | while read -r text; do
		tr -d '\r' <$log | grep -qaE -e "^$text" || exit 1
	done
}

# tests NAME END TEXTS OPTION...: the self-test ends so, and has such lines.
tests()
{
	name=$1 end=$2 texts=$3
	shift 3
	scratch
	$host --timeout 200 "$@" $kernel >$log 2>&1
	status=$?
	if [ $status -eq 77 ]; then
		skip "$name" "$(tail -n 1 $log)"
	elif grep -qa "end: $end\$" $log && has_lines "$texts"; then
		pass "$name"
	else
		fail "$name" "not '$end' with: $texts"
		tail -n 30 $log | tr -cd '\11\12\40-\176' | sed 's/^/    /'
	fi
}

everything='selftest: ok disk vda: 63 KiB written and read back
selftest: ok gateway eth0: 10.0.0.1 answers
selftest: ok vsock host: port 7 answers
selftest: result=ok passed=[0-9]+ failed=0 '

tests firecracker_devices_pass_the_selftest 'reset, status 0' "$everything" \
	--cmdline "$selftest $address selftest.vsock=7 pci=off" --block $disk --net --vsock
tests firecracker_devices_are_found_in_the_dsdt 'reset, status 0' "$everything" --pvh --no-words \
	--cmdline "$selftest $address selftest.vsock=7 pci=off" --block $disk --net --vsock
tests services_answer_the_host 'seen' 'host: the guest answers' --until 'host: the guest answers' \
	--cmdline "$selftest $address selftest.serve=600" --net --vsock
tests disk_that_forgets_is_told 'reset, status 1' 'selftest: FAIL disk vda: comparing at 512: ' --cmdline "$selftest" --block-forgets $disk
tests disk_that_lies_is_told 'reset, status 1' 'selftest: FAIL disk vda: reading at 0: error 5
selftest: FAIL devices: virtio-mmio 0xc0001000 cannot be used' --cmdline "$selftest" --block-lies $disk
tests network_that_is_silent_is_told 'reset, status 1' 'selftest: FAIL gateway eth0: 10.0.0.1 ' --cmdline "$selftest $address" --net-silent
tests vsock_that_is_absent_is_told 'reset, status 1' 'selftest: FAIL vsock host: port 7: ' --cmdline "$selftest selftest.vsock=7"
tests metadata_that_are_absent_are_told 'reset, status 1' 'selftest: FAIL metadata: 169.254.169.254 does not tell: error ' \
	--cmdline "$selftest selftest.metadata"
tests vsock_service_that_is_absent_is_told 'reset, status 1' 'selftest: FAIL vsock host: port 8: error 104' \
	--cmdline "$selftest selftest.vsock=8" --vsock
tests memory_that_is_there_twice_is_told 'reset, status 1' 'selftest: FAIL memory pattern: at 0x' \
	-m 8 --alias-memory --cmdline 'init=selftest noxsave nosmap selftest.memory=all'
finish
