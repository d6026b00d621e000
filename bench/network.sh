#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What the network costs in guest instructions: iperf3 beside a Linux guest with the same QEMU line, over QEMU's user network and a tap
# interface; a keep-alive request beside 10,000 idle connections; bulk TCP by the size of its window. Two tables. Without rights for
# a tap interface the rows that need it say so.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/linux.sh
. scripts/private-net.sh
# What comes from a mirror, while that can be reached.
tests/debian/fetch.sh iperf3 iperf3 2>/dev/null && linux_kernel >/dev/null
private_network bench/network.sh && tap=yes || tap=

machine="-M q35 -m 512 ${machine#-M microvm,acpi=off} -device virtio-net-pci,netdev=net"
static_ip='ip=10.0.2.15::10.0.2.2:255.255.255.0:::off'
work=build/bench/network
root=build/peer/iperf3 # make looks for its own files elsewhere only
mkdir -p $work
rm -f $work/failed
qemu= helpers=
stop()
{
	for job in $helpers $qemu; do
		kill "$job" 2>/dev/null
		wait "$job" 2>/dev/null
	done
	qemu= helpers=
}
trap stop EXIT
trap 'exit 129' HUP INT TERM

# In place of a figure.
fail()
{
	stop
	: >$work/failed
	echo failed
}

marks_of()
{
	nm "$1" | sed -n 's/^\([0-9a-f]*\) T mark_\(.*\)/,\2=\1/p' | tr -d '\n'
}

# start NETWORK PORT MARKS QEMU-OPTION...: a guest; its PORT is at $host:$port. It is ready when it has said "$ready".
start()
{
	stop
	host=10.0.2.15 port=$2 netdev=$tap_netdev marks=$3
	if [ "$1" = user ]; then
		host=127.0.0.1
		port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
		netdev="user,id=net,hostfwd=tcp:127.0.0.1:$port-:$2"
	fi
	shift 3
	rm -f $work/counts $work/counter $work/console $work/idle
	# shellcheck disable=SC2086
	qemu-system-x86_64 $machine -netdev "$netdev" "$@" -plugin "build/bench/icount.so,out=$work/counts,counter=$work/counter$marks" \
		</dev/null >$work/console 2>&1 &
	qemu=$!
	waits_for "$ready" $work/console
}

# waits_for TEXT FILE: until a line of the file begins with it; at most a minute, and not longer than the guest is there.
waits_for()
{
	for _ in $(seq 600); do
		! grep -q "^$1" "$2" 2>/dev/null || return 0
		kill -0 "$qemu" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# Instructions between the marks, divided by $1; the guest's end.
between_marks()
{
	waits_for end $work/counts || { fail; return; }
	stop
	awk -v by="$1" '$1 == "begin" { b = $2 } $1 == "end" { printf "%.0f", ($2 - b) / by }' $work/counts
}

ratio()
{
	case $1$2 in
	*[!0-9]*) echo - ;;
	*) awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2fx", a / b }' ;;
	esac
}

# --- iperf3 ---------------------------------------------------------------------------------------

iperf_mib=128
ready='.*Server listening on 5201'

# The same root for both: Debian's iperf3, unpacked, as it is.
iperf_images()
{
	[ -e build/debian/iperf3.packages ] || { echo "Debian's iperf3 cannot be had" >&2; return 1; }
	rm -rf $root
	mkdir -p $root/tmp
	(cd build/debian/iperf3 && tar -c --exclude=usr/share .) | tar -x -C $root
	ln -s usr/bin/iperf3 $root/program
	mkfs.erofs --all-root -T 0 $work/iperf3.erofs $root >/dev/null 2>&1
	linux=$(linux_kernel) && linux_devices $root && linux_initrd $work/iperf3.cpio.gz $root
}

# A transfer of so many MiB; again where the server does not listen yet after the last one.
iperf_client()
{
	mib=$1
	shift
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! iperf3 -c "$host" -p "$port" -n "${mib}M" "$@" >$work/client 2>&1 || return 0
		sleep 0.5
	done
	return 1
}

# What iperf3 ARGUMENT... costs the guest a MiB. The first transfer is not counted: windows have grown then.
iperf_cost()
{
	iperf_client 16 "$@" || { fail; return; }
	from=$(od -An -tu8 $work/counter)
	iperf_client $iperf_mib "$@" || { fail; return; }
	to=$(od -An -tu8 $work/counter)
	echo $(((to - from) / iperf_mib))
}

# iperf_guest NAME NETWORK QEMU-OPTION...: sets receive_NAME and send_NAME.
iperf_guest()
{
	name=$1 network=$2
	shift 2
	eval "receive_$name=failed send_$name=failed"
	start "$network" 5201 '' "$@" || { fail >/dev/null; return; }
	eval "receive_$name=$(iperf_cost) send_$name=$(iperf_cost -R)"
}

iperf_rows()
{
	receive_linux='not measured' send_linux='not measured'
	iperf_guest capuchin "$1" -kernel "$kernel" -initrd $work/iperf3.erofs -append "init=/usr/bin/iperf3 $static_ip -- -s --forceflush"
	[ -z "$linux" ] || iperf_guest linux "$1" -kernel "$linux" -initrd $work/iperf3.cpio.gz \
		-append 'console=ttyS0 quiet panic=-1 tsc=reliable reboot=t -- -s --forceflush'
	echo "| iperf3 receive, $2 | $receive_capuchin | $receive_linux | $(ratio "$receive_capuchin" "$receive_linux") |"
	echo "| iperf3 send, $2 | $send_capuchin | $send_linux | $(ratio "$send_capuchin" "$send_linux") |"
}

echo
echo '| a MiB of bulk TCP, guest instructions | Capuchin | Linux | ratio (must 1.0x, aim 0.6x) |'
echo '| --- | --- | --- | --- |'
if ! command -v iperf3 >/dev/null; then
	echo '| iperf3 | not measured: iperf3 is not installed | - | - |'
elif iperf_images || [ -e $work/iperf3.erofs ]; then
	iperf_rows user 'user network'
	[ -z "$tap" ] || iperf_rows tap 'tap'
	[ -n "$tap" ] || echo "| iperf3, tap | not measured: $no_network | - | - |"
fi

# --- by what is open ------------------------------------------------------------------------------

ready=ready

# serve_idle COUNT: what a request costs over 8 connections beside so many idle ones.
serve_idle()
{
	start tap 80 "$(marks_of build/bench/httpd)" -kernel "$kernel" -initrd build/bench/httpd.erofs -append "init=/init $static_ip -- 80" ||
		{ fail; return; }
	if [ "$1" -ne 0 ]; then
		build/net/idle "$host" "$port" "$1" >$work/idle 2>&1 &
		helpers=$!
		waits_for open $work/idle || { fail; return; }
	fi
	wrk -c 8 -t 1 -d 60 "http://$host:$port/" >$work/wrk 2>&1 &
	helpers="$! $helpers"
	between_marks 10000
}

idle_row()
{
	text='a keep-alive request with 10,000 further connections open and idle, beside 8'
	[ -n "$tap" ] || { echo "| $text | not measured: $no_network | 1.3x | 1.05x |"; return; }
	few=$(serve_idle 0)
	many=$(serve_idle 10000)
	echo "| $text | $(ratio "$many" "$few") ($many, $few) | 1.3x | 1.05x |"
}

# --- by the window --------------------------------------------------------------------------------

# bulk NETWORK HOW BYTES: what a MiB costs with so large a window.
bulk()
{
	start "$1" 5001 "$(marks_of build/bench/bulk)" -kernel "$kernel" -initrd build/bench/bulk.erofs \
		-append "init=/init $static_ip -- $2 5001 $3" || { fail; return; }
	[ "$2" = loop ] || {
		perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]") or die; my $data = "x" x 65536;
			1 while $ARGV[2] eq "send" ? sysread($s, $data, 1 << 20) : syswrite($s, $data)' "$host" "$port" "$2" 2>/dev/null &
		helpers=$!
	}
	between_marks 64
}

window_row()
{
	small=$(bulk "$1" "$2" 65536)
	large=$(bulk "$1" "$2" 1048576)
	echo "| bulk TCP with a window of 1 MiB beside 64 KiB, $3 | $(ratio "$large" "$small") ($large, $small a MiB) | 1.3x | 1.0x |"
}

echo
echo '| figure, guest instructions | measured | must | aim |'
echo '| --- | --- | --- | --- |'
idle_row
window_row user loop 'both ends, loopback'
if [ -n "$tap" ]; then
	window_row tap receive 'received, tap'
	window_row tap send 'sent, tap'
else
	echo "| bulk TCP with a window of 1 MiB beside 64 KiB, tap | not measured: $no_network | 1.3x | 1.0x |"
fi
[ ! -e $work/failed ]
