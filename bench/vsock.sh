#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What AF_VSOCK costs beside TCP on the same machine, in guest instructions all in: with the host (vhost-device-vsock beside QEMU's user
# network), and within the machine.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh

program=build/bench/vsock
machine="-M q35,memory-backend=ram -m 512 -object memory-backend-memfd,id=ram,size=512M,share=on ${machine#-M microvm,acpi=off}"
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-bench.XXXXXX")
jobs=''
end_jobs()
{
	for job in $jobs; do
		kill "$job" 2>/dev/null
		wait "$job" 2>/dev/null
	done
}
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

# wait_until COMMAND...: at most half a minute.
wait_until()
{
	for _ in $(seq 300); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

start_host()
{
	port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
	: >"$work/host" # what the last one said is no answer
	$program serve "$work/vsock" "$port" >"$work/host" &
	jobs=$!
	vhost-device-vsock --guest-cid 3 --socket "$work/control" --uds-path "$work/vsock" >/dev/null 2>&1 &
	jobs="$jobs $!"
	wait_until grep -q '^ready' "$work/host" && wait_until test -S "$work/control"
}

# difference BEGIN END DIVISOR: instructions between two marks.
difference()
{
	awk -v begin="$1" -v end="$2" -v divisor="$3" '$1 == begin { b = $2 } $1 == end { e = $2 }
		END { if (e) printf "%.0f", (e - b) / divisor; else print "failed" }' "$work/counts"
}

# row WHAT KIND BEGIN END DIVISOR
row()
{
	ours=$(difference "vsock$2_$3" "vsock$2_$4" "$5") tcp=$(difference "tcp$2_$3" "tcp$2_$4" "$5")
	echo "| $1 | $ours | $tcp | $(echo "$ours $tcp" | awk '$2 + 0 { printf "%.2fx", $1 / $2 } !($2 + 0) { print "-" }') |"
	[ "$ours" != failed ] && [ "$tcp" != failed ] || failed=1
}

failed=0 devices='' argument=''
if command -v vhost-device-vsock >/dev/null && start_host; then
	devices="-netdev user,id=net -device virtio-net-pci,netdev=net -chardev socket,id=vsock,path=$work/control -device vhost-user-vsock-pci,chardev=vsock"
	argument="ip=10.0.2.15::10.0.2.2:255.255.255.0:::off -- $port"
fi
marks=$(nm $program | sed -n 's/^\([0-9a-f]*\) T mark_\(.*\)/,\2=\1/p' | tr -d '\n')
# shellcheck disable=SC2086
timeout 300 qemu-system-x86_64 $machine $devices -kernel "$kernel" -initrd $program.erofs -append "init=/init $argument" \
	-plugin "build/bench/icount.so,out=$work/counts$marks" </dev/null >"$work/console" 2>&1

echo
echo '| guest instructions | vsock | TCP | must: 1.00x |'
echo '| --- | --- | --- | --- |'
if [ -n "$devices" ]; then
	row 'a byte to the host and back' '' trips push 1000
	row '1 MiB to the host' '' push pull 16
	row '1 MiB from the host' '' pull end 16
else
	echo '| with the host: not measured, vhost-device-vsock is not installed | - | - | - |'
fi
row 'a byte within the machine and back, both sides' _local trips push 1000
row '1 MiB within the machine, both sides' _local push pull 16
exit $failed
