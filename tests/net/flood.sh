#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What a hostile network does to a server, and that an honest client is served all the while: SYN floods, clients that never end their
# request or never read the answer, malformed frames. Memory and connections are the same afterwards. The machine is at a tap interface
# in a network namespace of this script's own (scripts/private-net.sh), so that also ping and other frames reach it.
#
#	flood.sh [--only PATTERN]
#
# Build first: make all net-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh
. scripts/private-net.sh

for tool in curl perl mkfs.erofs; do
	command -v $tool >/dev/null || { skip "flood" "$tool is not installed"; finish; }
done
private_network tests/net/flood.sh "$@" || { skip "flood" "$no_network"; finish; }
only='*'
[ "${1-}" != --only ] || only=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-flood.XXXXXX")
server= helper=
end_jobs()
{
	for job in $helper $server; do
		kill "$job" 2>/dev/null
		wait "$job" 2>/dev/null
	done
	helper= server=
}
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

# judge NAME COMMAND...: passes if the command does.
judge()
{
	name=$1
	shift
	# shellcheck disable=SC2254
	case $name in
	$only) ;;
	*) return ;;
	esac
	if "$@" 2>>"$work/notes"; then
		pass "$name"
	else
		fail "$name" "$(tail -n 4 "$work/notes" "$work/out" | tr '\n\r' '  ')"
	fi
}

get()
{
	curl -s -S -m "${patience:-60}" "http://10.0.2.15$1"
}

serves()
{
	get / | cmp -s - "$work/file" || { echo "not served ($1)" >&2; return 1; }
}

# snmp PROTOCOL NAME: a number of /proc/net/snmp, whose first line of a protocol has the names.
snmp()
{
	get /proc/net/snmp | awk -v protocol="$1:" -v name="$2" '$1 != protocol { next } !column { for (i = 2; i <= NF; i++) if ($i == name) column = i; next }
		{ print $column }'
}

# eth0 COLUMN: of /proc/net/dev.
eth0()
{
	get /proc/net/dev | awk -v column="$1" '$1 == "eth0:" { print $column }'
}

free_kib()
{
	get /proc/meminfo | awk '$1 == "MemFree:" { print $2 }'
}

# Half-open connections and those that end are given up after some time.
connections()
{
	get /proc/net/sockstat | awk '$1 == "TCP:" { print $3 }'
}

# The server has what it had at first: as many connections, and its memory but for two MiB.
recovers()
{
	for _ in $(seq 60); do
		now=$(connections) memory=$(free_kib)
		[ "$now" = "$connections_before" ] && [ $((memory + 2048)) -gt "$memory_before" ] && return
		sleep 1
	done
	echo "connections $connections_before $now, free KiB $memory_before $memory" >&2
	return 1
}

# Whatever the host's load: a SYN that was lost is sent again, after a second, then two, ...
withstands_syns()
{
	build/net/flood syn tap0 40000 &
	helper=$!
	for round in 1 2 3 4; do
		serves "round $round of a flood of SYNs" || return 1
	done
	wait $helper
	helper=
	serves 'after the flood of SYNs'
}

# withstands_clients COUNT KIND
withstands_clients()
{
	: >"$work/idle" # what the last one said is no answer
	build/net/idle 10.0.2.15 80 "$1" "$2" >"$work/idle" 2>&1 &
	helper=$!
	for _ in $(seq 600); do
		grep -q '^open' "$work/idle" && break
		kill -0 $helper 2>/dev/null || { cat "$work/idle" >&2; return 1; }
		sleep 0.1
	done
	serves "beside $1 $2 clients" || return 1
	kill $helper
	wait $helper 2>/dev/null
	helper=
	serves "after $1 $2 clients" && recovers
}

# grown WHAT BEFORE LEAST COMMAND...: the number that the command prints has grown by so much.
grown()
{
	what=$1 before=$2 least=$3
	shift 3
	now=$("$@")
	[ $((now - before)) -ge "$least" ] || { echo "$what was $before, is $now, want $least more" >&2; return 1; }
}

# Each kind is counted where Linux counts it.
withstands_malformed()
{
	times=20
	for counter in 'Ip InHdrErrors 60' 'Ip InUnknownProtos 20' 'Tcp InCsumErrors 20' 'Tcp InErrs 60' 'Udp InCsumErrors 20' \
		'Udp InErrors 40' 'Icmp InCsumErrors 20'; do
		# shellcheck disable=SC2086
		echo "$counter $(snmp ${counter% *})"
	done >"$work/before"
	errors=$(eth0 4) dropped=$(eth0 5)
	build/net/flood bad tap0 $times || return 1
	serves 'after malformed frames' || return 1
	while read -r protocol counter least before; do
		grown "$protocol $counter" "$before" "$least" snmp "$protocol" "$counter" || return 1
	done <"$work/before"
	grown errors "$errors" $((3 * times)) eth0 4 && grown dropped "$dropped" $times eth0 5
}

# The host's own IPv6 address takes its time.
answers_ping()
{
	for _ in $(seq 20); do
		ping -q -c 3 -i 0.2 -W 5 "$@" >"$work/ping" 2>&1 && return
		sleep 0.5
	done
	cat "$work/ping" >&2
	return 1
}

mkdir -p "$work/tree"
cp build/net/httpd "$work/tree/init"
head -c 300000 /dev/urandom >"$work/file"
cp "$work/file" "$work/tree/file"
mkfs.erofs --all-root -T 0 "$work/tree.erofs" "$work/tree" >/dev/null 2>&1
qemu-system-x86_64 -M microvm,acpi=off -accel tcg -cpu max -m 128 -nodefaults -no-user-config -no-reboot -display none -serial stdio \
	-kernel build/capuchin.elf -initrd "$work/tree.erofs" -append 'init=/init ip=10.0.2.15::10.0.2.2:255.255.255.0:::off -- 80 /file' \
	-netdev "$tap_netdev" -device virtio-net-device,netdev=net,mac=52:54:00:12:34:56 </dev/null >"$work/out" 2>&1 &
server=$!
for _ in $(seq 300); do
	grep -qs '^ready' "$work/out" && break
	sleep 0.1
done
judge flood-server serves 'before anything'
connections_before=$(connections) memory_before=$(free_kib)
if command -v ping >/dev/null; then
	judge ping answers_ping 10.0.2.15
	judge ping-large answers_ping -s 8000 10.0.2.15
	if ip -6 address show dev tap0 | grep -q fe80; then
		judge ping-ipv6 answers_ping -6 fe80::5054:ff:fe12:3456%tap0
	else
		skip ping-ipv6 'the host has no IPv6'
	fi
else
	skip ping 'ping is not installed'
fi
judge syn-flood withstands_syns
judge malformed-frames withstands_malformed
files=$(ulimit -Hn)
[ "$files" != unlimited ] && [ "$files" -lt 3100 ] || files=3100
judge slow-clients withstands_clients $((files - 100)) slow
judge deaf-clients withstands_clients 500 deaf
judge flood-over recovers
finish
