#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Bulk data between two guests over a link that loses, doubles and reorders frames (lossy.c), which needs no rights:
#
#	lossy.sh [MIB [PER-MILLE]]      so many (64), and so many frames of a thousand get each of the faults (5); 0 shows what the link can do
#
# The client's guest checks every byte of a download, the server's of an upload. LOSSY_SECONDS: each has to end within that time (400).
# Build first: make all net-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh
. bench/machine.sh

mib=${1-64} per_mille=${2-5}
bytes=$((mib * 1048576 + 7))
limit=${LOSSY_SECONDS:-400}
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-lossy.XXXXXX")
link= server=
end_jobs()
{
	for job in $server $link; do
		kill "$job" 2>/dev/null
		wait "$job" 2>/dev/null
	done
	link= server=
}
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

# Four UDP ports that are free now.
free_ports()
{
	perl -MIO::Socket::INET -e '
		my @all = map { IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1") or die } 1 .. 4;
		print join(" ", map { $_->sockport } @all)'
}

# guest NUMBER SIDE LOCAL ARGUMENT...: transfer ARGUMENT... at 10.9.0.NUMBER; becomes the machine.
guest()
{
	number=$1 side=$2 local=$3
	shift 3
	# shellcheck disable=SC2086
	exec timeout "$limit" qemu-system-x86_64 $machine -m 128 -kernel "$kernel" -initrd "$work/tree.erofs" \
		-append "init=/init ip=10.9.0.$number:::255.255.255.0:::off -- $*" \
		-netdev "socket,id=net,udp=127.0.0.1:$side,localaddr=127.0.0.1:$local" \
		-device "virtio-net-device,netdev=net,mac=52:54:00:09:00:0$number" </dev/null
}

# over_link NAME SERVER-ARGUMENTS CLIENT-ARGUMENTS: both run; the case passes if one of them has received all, and it was right.
over_link()
{
	# shellcheck disable=SC2046
	set -- "$@" $(free_ports)
	build/net/lossy "$per_mille" "$4" "$5" "$6" "$7" >"$work/link" 2>&1 &
	link=$!
	: >"$work/server" # what the last one said is no answer
	# shellcheck disable=SC2086
	(guest 1 "$4" "$5" $2) >"$work/server" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		grep -q '^ready' "$work/server" && break
		sleep 0.1
	done
	begun=$(date +%s%N)
	# shellcheck disable=SC2086
	(guest 2 "$6" "$7" $3) >"$work/client" 2>&1
	wait $server
	server=
	took=$((($(date +%s%N) - begun) / 1000000))
	end_jobs
	words=$(tail -qn 2 "$work/server" "$work/client" "$work/link" | tr '\n\r' '  ')
	if grep -q "received $bytes right" "$work/server" "$work/client" &&
		{ [ "$per_mille" = 0 ] || grep -q ' lost [1-9]' "$work/link"; }; then
		echo "$1: $mib MiB in $took ms, $((mib * 1024000 / took)) KiB/s; $(cat "$work/link")"
		pass "$1"
	else
		fail "$1" "$words"
	fi
}

mkdir "$work/tree"
cp build/net/transfer "$work/tree/init"
mkfs.erofs --all-root -T 0 "$work/tree.erofs" "$work/tree" >/dev/null 2>&1
over_link lossy-download "source 5001 $bytes" 'pull 10.9.0.1 5001'
over_link lossy-upload 'sink 5001' "push 10.9.0.1 5001 $bytes"
finish
