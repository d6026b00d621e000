#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Static programs that serve real clients, and one that goes out, over QEMU's user network, which needs no rights:
#
#	run.sh [--only PATTERN] [OPTION OF capuchin run]...
#
# NET_SECONDS: how long the load lasts (10). Build first: make all net-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || { only=$2; shift 2; }
options=$*
seconds=${NET_SECONDS:-10}
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-net.XXXXXX")
server= helper=
end_jobs()
{
	for job in $server $helper; do
		kill "$job" 2>/dev/null && wait "$job" 2>/dev/null
	done
	server= helper=
}
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

# begin NAME: whether the case is wanted.
begin()
{
	name=$1
	# shellcheck disable=SC2254
	case $name in
	$only) return 0 ;;
	esac
	return 1
}

# judge COMMAND...: the case passes if the command does.
judge()
{
	if "$@"; then
		pass "$name"
	else
		fail "$name" "$(tail -n 3 "$work/out" | tr '\n\r' '  ')"
	fi
}

free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# serve PORT[/udp] PROGRAM ARGUMENT...: a guest in the background, $port on this machine is its PORT; waits until it is ready.
serve()
{
	guest_port=${1%/*} kind=${1#"${1%/*}"}
	shift
	port=$(free_port)
	: >"$work/out" # what the last one said is no answer
	# shellcheck disable=SC2086
	./capuchin run --timeout 120 $options -p "127.0.0.1:$port:$guest_port$kind" ${add-} "$@" >"$work/out" 2>&1 </dev/null &
	server=$!
	for _ in $(seq 300); do
		grep -q '^ready' "$work/out" && return 0
		kill -0 $server 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# The guest's last words hold a text.
ended_with()
{
	wait $server
	server=
	grep -q "$1" "$work/out"
}

get()
{
	curl -s -S -m 20 "http://127.0.0.1:$port$1" 2>>"$work/out"
}

has_page()
{
	[ "$(get / | wc -c)" = 612 ]
}

free_kib()
{
	get /proc/meminfo | awk '$1 == "MemFree:" { print $2 }'
}

connections()
{
	get /proc/net/sockstat | awk '$1 == "TCP:" { print $3 }'
}

# No request fails; afterwards there are as many connections as before, about as much memory, and it answers.
withstands_load()
{
	has_page || return 1
	connections_before=$(connections) memory_before=$(free_kib)
	wrk -c 256 -t 2 -d "$seconds" --timeout 60 "http://127.0.0.1:$port/" >"$work/wrk" || return 1
	cat "$work/wrk" >>"$work/out"
	! grep -qE 'Socket errors|Non-2xx' "$work/wrk" && has_page || return 1
	sleep 3
	echo "connections $connections_before $(connections), free KiB $memory_before $(free_kib)" >>"$work/out"
	[ "$(connections)" = "$connections_before" ] && [ $(($(free_kib) + 2048)) -gt "$memory_before" ]
}

withstands_ab()
{
	for how in '-k -c 64 -n 5000' '-c 32 -n 1000'; do
		# shellcheck disable=SC2086
		ab -q $how "http://127.0.0.1:$port/" >"$work/ab" 2>>"$work/out" || return 1
		grep -E 'Complete|Failed' "$work/ab" >>"$work/out"
		grep -q 'Failed requests: *0$' "$work/ab" || return 1
	done
}

quits()
{
	get /quit | grep -q 'errors 0' && ended_with 'errors 0'
}

# are_open PROTOCOL PORT...: waits until programs of this machine have them.
are_open()
{
	while [ $# -gt 0 ]; do
		for _ in $(seq 100); do
			! grep -q ":$(printf '%04X' "$2") " "/proc/net/$1" || break
			sleep 0.1
		done
		shift 2
	done
}

# Knows one name: the question comes back with an address behind it. Becomes the server.
name_server()
{
	exec perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die;
		while (defined(my $from = $s->recv(my $q, 512))) {
			my $known = substr($q, 12) =~ /^\x03www\x07example\x03net\0/;
			substr($q, 2, 6) = pack "n3", $known ? 0x8180 : 0x8183, 1, $known;
			$q .= pack "n3Nn a4", 0xc00c, 1, 1, 60, 4, pack "C4", 192, 0, 2, 33 if $known;
			$s->send($q, 0, $from);
		}' "$1"
}

has_all_answers()
{
	grep -q 'dns code 0 address 192.0.2.33' "$work/out" && grep -qE 'tcp [1-9][0-9]{2}' "$work/out" && grep -q 'udp hello' "$work/out"
}

same_file()
{
	get / >"$work/copy" && cmp -s "$work/file" "$work/copy"
}

echoes()
{
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
		for my $i (1 .. 200) {
			my $sent = chr(65 + $i % 26) x (1 + $i * 7), my $got;
			$s->send($sent);
			my $in = ""; vec($in, fileno($s), 1) = 1;
			die "no answer to $i" unless select($in, undef, undef, 5);
			$s->recv($got, 65536);
			die "wrong answer to $i" unless $got eq $sent;
		}
		$s->send("quit");' "$port" 2>>"$work/out" && ended_with 'echoed 200'
}

for tool in curl wrk ab perl; do
	command -v $tool >/dev/null || { skip "network" "$tool is not installed"; finish; exit; }
done
head -c 20000000 /dev/urandom >"$work/file"

if begin http-page && { serve 80 build/net/httpd || true; }; then
	judge has_page
	begin http-load && judge withstands_load
	begin http-ab && judge withstands_ab
	begin http-quit && judge quits
	end_jobs
fi
add="--add $work/file:/file"
if begin http-file && { serve 80 build/net/httpd 80 /file || true; }; then
	judge same_file
	end_jobs
fi
add=
if begin udp-echo && { serve 7/udp build/net/udpecho 7 || true; }; then
	judge echoes
	end_jobs
fi
bytes=100000007
if begin tcp-sink && { serve 5001 build/net/transfer sink 5001 || true; }; then
	build/net/transfer push 127.0.0.1 "$port" $bytes >>"$work/out" 2>&1
	judge ended_with "received $bytes right"
	end_jobs
fi
if begin tcp-source && { serve 5001 build/net/transfer source 5001 $bytes || true; }; then
	build/net/transfer pull 127.0.0.1 "$port" >"$work/pull" 2>>"$work/out"
	judge grep -q "received $bytes right" "$work/pull"
	end_jobs
fi
if begin last-words; then
	port=$(free_port)
	build/net/transfer sink "$port" >"$work/sink" 2>&1 &
	helper=$!
	are_open tcp "$port"
	# shellcheck disable=SC2086
	./capuchin run --timeout 60 --net user $options build/net/transfer leave 10.0.2.2 "$port" 3000000 >"$work/out" 2>&1 </dev/null
	wait $helper
	helper=
	judge grep -q 'received 3000000 right' "$work/sink"
fi
if begin client; then
	tcp=$(free_port) udp=$(free_port) dns=$(free_port)
	build/net/httpd "$tcp" >/dev/null 2>&1 &
	helper=$!
	build/net/udpecho "$udp" >/dev/null 2>&1 &
	helper="$helper $!"
	name_server "$dns" >/dev/null 2>&1 &
	helper="$helper $!"
	are_open tcp "$tcp" udp "$udp" udp "$dns"
	# 10.0.2.2 is this machine, as QEMU's user network has it.
	# shellcheck disable=SC2086
	./capuchin run --timeout 60 --net user $options build/net/client "$dns" www.example.net 10.0.2.2 "$tcp" "$udp" \
		>"$work/out" 2>&1 </dev/null
	judge has_all_answers
	end_jobs
fi
finish
