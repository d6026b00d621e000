#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The same machine on each VMM that is there: wall time of the command from its start to its exit, and Firecracker's boot timer, which
# runs from its start of the guest to the program's. Where KVM has no hardware below it, it emulates, far too slowly to compare, and
# cannot run a program: there the machines list their devices instead. Medians of interleaved runs; those that fail are left out.
set -u
cd "$(dirname "$0")/.."
rounds=${1:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

median()
{
	sort -n | awk '{ value[NR] = $1 } END { if (NR) print value[int((NR + 1) / 2)] }'
}

hardware=
if grep -qE '^flags.* (vmx|svm)' /proc/cpuinfo && [ -w /dev/kvm ]; then hardware=1; fi
words='--devices --kernel-arg noxsave --kernel-arg nosmap'
what='a list of devices, on KVM without hardware'
[ -z "$hardware" ] || words=build/bench/hello what=hello

# The options of each, and what it is called in the table; only those that are there.
list()
{
	echo 'qemu-tcg --vmm qemu --accel tcg'
	[ -w /dev/kvm ] || return
	[ -z "$hardware" ] || echo 'qemu-kvm --vmm qemu --accel kvm'
	for vmm in firecracker cloud-hypervisor; do
		command -v $vmm >/dev/null && echo "$vmm --vmm $vmm"
	done
	ldconfig -p | grep -q 'libkrun\.so\.1' && echo 'libkrun --vmm libkrun'
}

run_one() # NAME OPTION...: adds a time to the file of that name
{
	name=$1
	shift
	begin=$(date +%s%N)
	# shellcheck disable=SC2086
	./capuchin run --timeout 60 "$@" $words >/dev/null 2>&1 </dev/null || return
	echo $((($(date +%s%N) - begin) / 1000)) >>"$work/$name"
}

round=0
while [ $((round += 1)) -le "$rounds" ]; do
	list | while read -r name options; do
		# shellcheck disable=SC2086
		run_one "$name" $options
	done
	[ -w /dev/kvm ] && command -v firecracker >/dev/null || continue
	./capuchin run -v --timeout 60 --vmm firecracker --kernel-arg noxsave --kernel-arg nosmap build/bench/hello 2>&1 </dev/null |
		grep -ao 'Guest-boot-time = [0-9]*' | grep -o '[0-9]*$' >>"$work/timer"
done

echo
echo "| VMM | wall time of \`capuchin run\` to exit ($what) |"
echo '| --- | --- |'
list | while read -r name _; do
	time=$([ -s "$work/$name" ] && median <"$work/$name")
	echo "${time:-failed}" | awk -v name="$name" '{ if ($1 == "failed") print "| " name " | failed |"; else printf "| %s | %.1f ms |\n", name, $1 / 1000 }'
done
if [ -s "$work/timer" ]; then
	median <"$work/timer" | awk '{ printf "| Firecracker'"'"'s boot timer, start of the guest to the program'"'"'s | %.1f ms |\n", $1 / 1000 }'
fi
