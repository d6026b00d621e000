#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Pauses machines of QEMU's (stop, cont), and resumes two from one snapshot (migration to a file): what drive.c says about it.
#
#	run.sh [--only PATTERN]
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || only=$2
kernel=${CAPUCHIN_KERNEL:-build/capuchin.elf}
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-resume.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM
mkdir "$work/tree"
cp build/resume/beat "$work/tree/beat"
mkfs.erofs --all-root -T 0 "$work/image" "$work/tree" >/dev/null 2>&1

# check NAME pause|clones SECONDS idle|busy QEMU ARGUMENT...
check()
{
	name=$1 kind=$2 seconds=$3 program=$4
	shift 4
	# shellcheck disable=SC2254
	case $name in
	$only) ;;
	*) return ;;
	esac
	rm -rf "$work/run" && mkdir "$work/run"
	if timeout --kill-after=5 200 build/resume/drive "$kind" "$seconds" "$kernel" "$work/image" "$program" "$work/run" \
		qemu-system-x86_64 -m 128 "$@" >"$work/out" 2>&1; then
		pass "$name"
	else
		fail "$name" "$(tail -n 1 "$work/out")"
		sed 's/^/    /' "$work/out"
	fi
}

tcg='-accel tcg -cpu max'
generation='-device vmgenid,guid=auto'
# shellcheck disable=SC2086
{
	for program in idle busy; do
		check "microvm_pause_$program" pause 4 $program -M microvm,acpi=off $tcg
		check "q35_pause_$program" pause 4 $program -M q35 $tcg
		check "q35_clones_$program" clones 4 $program -M q35 $tcg $generation
		check "pc_clones_$program" clones 4 $program -M pc $tcg $generation
	done
	check microvm_resumes_without_a_generation resume 4 idle -M microvm,acpi=off $tcg
	if grep -qE '^flags.* (vmx|svm)' /proc/cpuinfo && [ -w /dev/kvm ]; then
		for machine in microvm,acpi=off q35; do
			check "kvm_${machine%%,*}_pause" pause 4 idle -M $machine -accel kvm -cpu host
			check "kvm_${machine%%,*}_pause_with_kvmclock_only" pause 4 busy -M $machine -accel kvm -cpu host,-invtsc
			check "kvm_${machine%%,*}_resumes" resume 4 idle -M $machine -accel kvm -cpu host
		done
		check kvm_q35_clones clones 4 idle -M q35 -accel kvm -cpu host $generation
	else
		skip kvm 'no hardware virtualisation here: programs do not run on this KVM'
	fi
}
finish
