#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What a keep-alive HTTP request of 612 bytes costs a static epoll server, in guest instructions all in, beside a Linux guest with the
# same program and QEMU line (q35, virtio-net-pci, TCG, user network). The server reaches two marks, 10,000 requests apart.
set -u
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/linux.sh

program=build/bench/httpd
marks=,entered=$(pvh_entry "$kernel")$(nm $program | sed -n 's/^\([0-9a-f]*\) T mark_\(ready\|begin\|end\)$/,\2=\1/p' | tr -d '\n')
qemu= idle=
trap '[ -z "$qemu" ] || kill $qemu 2>/dev/null; [ -z "$idle" ] || kill $idle 2>/dev/null' EXIT

free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# start NAME QEMU-OPTION...: a guest whose server is at $port.
start()
{
	guest=$1
	shift
	port=$(free_port)
	rm -f "build/bench/http.$guest" "build/bench/http.$guest.out"
	# shellcheck disable=SC2086
	qemu-system-x86_64 -M q35 ${memory_option--m 512} ${machine#-M microvm,acpi=off} -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:80" \
		-device virtio-net-pci,netdev=net "$@" -plugin "build/bench/icount.so,out=build/bench/http.$guest$marks" \
		</dev/null >"build/bench/http.$guest.out" 2>&1 &
	qemu=$!
	for _ in $(seq 300); do
		grep -qs '^ready' "build/bench/http.$guest.out" && return 0
		kill -0 $qemu 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# Instructions a request, from $1 connections; or "failed". The rate is of this machine, and worth something beside another only.
load()
{
	wrk -c "$1" -t 1 -d 60 "http://127.0.0.1:$port/" >"build/bench/http.$guest.wrk" 2>&1 &
	wrk=$!
	for _ in $(seq 600); do
		grep -q '^end' "build/bench/http.$guest" && break
		sleep 0.1
	done
	kill -INT $wrk
	wait $wrk
	kill $qemu 2>/dev/null
	wait $qemu 2>/dev/null
	qemu=
	awk '$1 == "begin" { b = $2 } $1 == "end" { e = $2 } END { if (e) printf "%.0f", (e - b) / 10000; else print "failed" }' \
		"build/bench/http.$guest"
}

rate()
{
	awk '$1 == "Requests/sec:" { printf "%.0f", $2 }' "build/bench/http.$1.wrk"
}

# The smallest memory in MiB with which the server still answers.
smallest_memory()
{
	for memory in 4 6 8 10 12 14 16 20 24 32; do
		memory_option="-m $memory"; start small -kernel "$kernel" -initrd $program.erofs \
			-append "init=/init $static_ip -- 80" && answer=$(curl -s -m 10 "http://127.0.0.1:$port/" | wc -c)
		kill $qemu 2>/dev/null
		wait $qemu 2>/dev/null
		qemu=
		[ "${answer-0}" != 612 ] || { echo "$memory MiB"; return; }
	done
	echo failed
}

static_ip='ip=10.0.2.15::10.0.2.2:255.255.255.0:::off'
start capuchin -kernel "$kernel" -initrd $program.erofs -append "init=/init $static_ip -- 80" || { echo "the server failed" >&2; exit 1; }
ours=$(load 8)
theirs='not measured' ratio=-
if linux=$(linux_kernel); then
	rm -rf build/bench/http.root
	mkdir -p build/bench/http.root
	linux_devices build/bench/http.root
	cp $program build/bench/http.root/program
	linux_initrd build/bench/http.cpio.gz build/bench/http.root
	if start linux -kernel "$linux" -initrd build/bench/http.cpio.gz -append 'console=ttyS0 quiet panic=-1 tsc=reliable reboot=t -- 80'; then
		theirs=$(load 8)
		ratio=$(echo "$(rate capuchin) $(rate linux)" | awk '$2 { printf "%.2fx", $1 / $2 }')
	fi
fi
echo
echo '| figure | Capuchin | Linux | must | aim |'
echo '| --- | --- | --- | --- | --- |'
echo "| guest instructions a keep-alive HTTP request, 8 connections | $ours | $theirs | 12,000 | 6,000 |"
echo "| kernel entry to ready, static address | $(awk '$1 == "entered" { e = $2 } $1 == "ready" { print $2 - e }' build/bench/http.capuchin) | - | 4,000,000 | 1,500,000 |"
echo "| smallest memory for that server | $(smallest_memory) | - | 24 MiB | 12 MiB |"
echo "| requests a second, beside Linux | $(rate capuchin) | $(rate linux) | 1.0x | 2x: $ratio |"
