#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does a ring with EVENT_IDX ever stall under load? Each boot serves wrk over 32 connections for a second, and has to answer a request
# afterwards; the transport and the kind of ring change from boot to boot.
#
#	stalls.sh [BOOTS]      (4: each of the combinations once)
#
# Build first: make all net-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh
. bench/machine.sh

boots=${1-4}
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-stalls.XXXXXX")
qemu=
end_guest()
{
	[ -z "$qemu" ] || { kill $qemu 2>/dev/null; wait $qemu 2>/dev/null; }
	qemu=
}
trap 'end_guest; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# start MACHINE DEVICE: a guest whose server is at $port.
start()
{
	port=$(free_port)
	: >"$work/out" # what the last one said is no answer
	# shellcheck disable=SC2086
	qemu-system-x86_64 $1 ${machine#-M microvm,acpi=off} -m 128 -kernel "$kernel" -initrd "$work/tree.erofs" \
		-append 'init=/init ip=10.0.2.15::10.0.2.2:255.255.255.0:::off -- 80' \
		-netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:80" -device "$2" </dev/null >"$work/out" 2>&1 &
	qemu=$!
	for _ in $(seq 200); do
		grep -q '^ready' "$work/out" && return 0
		kill -0 $qemu 2>/dev/null || { echo "ended before it was ready" >>"$work/out"; return 1; }
		sleep 0.1
	done
	echo "not ready within 20 s" >>"$work/out"
	return 1
}

# No request waits for longer than wrk does, two seconds, and the server answers when the load is over.
withstands_load()
{
	wrk -c 32 -t 1 -d 1 "http://127.0.0.1:$port/" >"$work/wrk" 2>&1 || return 1
	cat "$work/wrk" >>"$work/out"
	! grep -qE 'Socket errors|Non-2xx' "$work/wrk" && grep -qE '^ *[1-9][0-9]* requests in' "$work/wrk" || return 1
	[ "$(curl -s -S -m 10 "http://127.0.0.1:$port/" 2>>"$work/out" | wc -c)" = 612 ]
}

for tool in curl wrk perl; do
	command -v $tool >/dev/null || { skip "stalls" "$tool is not installed"; finish; exit; }
done
mkdir "$work/tree"
cp build/net/httpd "$work/tree/init"
mkfs.erofs --all-root -T 0 "$work/tree.erofs" "$work/tree" >/dev/null 2>&1
stalls=0
for boot in $(seq "$boots"); do
	case $((boot % 4)) in
	0 | 1) kind='-M q35' device=virtio-net-pci ;;
	*) kind='-M microvm,acpi=off' device=virtio-net-device ;;
	esac
	packed=$([ $((boot % 2)) = 0 ] && echo on || echo off)
	if ! start "$kind" "$device,netdev=net,event_idx=on,packed=$packed" || ! withstands_load; then
		stalls=$((stalls + 1))
		echo "boot $boot, $device packed=$packed: $(tail -n 8 "$work/out" | tr '\n\r' '  ')"
	fi
	end_guest
done
if [ $stalls = 0 ]; then
	pass "event-idx-$boots-boots"
else
	fail "event-idx-$boots-boots" "$stalls of them stalled"
fi
finish
