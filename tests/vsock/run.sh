#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# AF_VSOCK between a machine on QEMU and its host, and what --vsock says where it cannot be:
#
#	run.sh [--only PATTERN]
#
# The connections need vhost-device-vsock, and are skipped without. Build first: make all vsock-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || only=$2
peer=build/vsock/peer
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-vsock.XXXXXX")
machine='' guest='' host=''
end_jobs()
{
	for job in $guest $host; do
		kill "$job" 2>/dev/null && wait "$job" 2>/dev/null
	done
	guest='' host=''
}
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

is_wanted()
{
	# shellcheck disable=SC2254
	case $1 in
	$only) return 0 ;;
	esac
	return 1
}

# judge NAME COMMAND...: the case passes if the command does.
judge()
{
	name=$1
	shift
	is_wanted "$name" || return 0
	: >"$work/guest"
	: >"$work/host"
	if "$@"; then
		pass "$name"
	else
		fail "$name" "$(tail -qn 3 "$work/guest" "$work/host" | tr '\n\r' '  ')"
	fi
	end_jobs
}

run_guest()
{
	# shellcheck disable=SC2086
	./capuchin run --timeout 120 --vmm qemu $machine --vsock "$work/v.sock" "$peer" "$@" >"$work/guest" 2>&1 </dev/null
}

# wait_for PROCESS FILE: until it says that it is ready.
wait_for()
{
	for _ in $(seq 600); do
		! grep -q '^ready' "$2" || return 0
		kill -0 "$1" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# In the background, ready when this returns.
serve_in_guest()
{
	: >"$work/guest" # what the last one said is no answer
	run_guest "$@" &
	guest=$!
	wait_for $guest "$work/guest"
}

serve_on_host()
{
	: >"$work/host"
	$peer "$@" >"$work/host" 2>&1 &
	host=$!
	wait_for $host "$work/host"
}

# Its process has ended well, and said this.
guest_ended_with()
{
	wait $guest && guest='' && grep -q "$1" "$work/guest"
}

host_ended_with()
{
	wait $host && host='' && grep -q "$1" "$work/host"
}

guest_connects()
{
	serve_on_host echo "unix:$work/v.sock_1234" 1 && run_guest exchange vsock:2:1234 2000000 &&
		grep -q 'exchanged 2000000 right' "$work/guest" && host_ended_with 'served 2000000 right'
}

host_connects()
{
	serve_in_guest echo vsock:4294967295:5000 2 || return 1
	for bytes in 1 1000000; do
		$peer exchange "port:$work/v.sock:5000" $bytes >"$work/host" 2>&1 || return 1
	done
	guest_ended_with 'served 1000000 right'
}

# The machine ends as soon as it has sent: all of it arrives.
last_words_arrive()
{
	serve_on_host sink "unix:$work/v.sock_99" 1 && run_guest push vsock:2:99 20000000 && host_ended_with 'served 20000000 right'
}

host_sends_much()
{
	serve_in_guest sink vsock:4294967295:5000 1 && $peer push "port:$work/v.sock:5000" 20000000 >"$work/host" 2>&1 &&
		guest_ended_with 'served 20000000 right'
}

nobody_listens_on_host()
{
	run_guest refused vsock:2:4321 && grep -q '^refused' "$work/guest"
}

nobody_listens_in_guest()
{
	serve_in_guest echo vsock:4294967295:5000 1 || return 1
	$peer refused "port:$work/v.sock:5001" >"$work/host" 2>&1 || return 1
	$peer exchange "port:$work/v.sock:5000" 10 >>"$work/host" 2>&1 && guest_ended_with 'served 10 right'
}

# Of a machine before, too.
sockets_are_removed()
{
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' "$work/v.sock" && [ -S "$work/v.sock" ] &&
		run_guest refused vsock:2:4321 && ! [ -e "$work/v.sock" ]
}

# refuses PATH TEXT: without a machine, with status 1 and one line.
refuses()
{
	./capuchin run --vmm qemu --vsock "$1" $peer >"$work/guest" 2>&1 </dev/null
	[ $? -eq 1 ] && [ "$(wc -l <"$work/guest")" = 1 ] && grep -q "$2" "$work/guest"
}

without_backend()
{
	mkdir -p "$work/bin"
	for tool in qemu-system-x86_64 grep wc; do
		ln -sf "$(command -v $tool)" "$work/bin/$tool"
	done
	(PATH=$work/bin refuses "$work/v.sock" 'install the package vhost-device-vsock')
}

is_in_use()
{
	: >"$work/host"
	$peer echo "unix:$work/used" 1 >"$work/host" 2>&1 &
	host=$!
	wait_for $host "$work/host" && refuses "$work/used" 'is in use'
}

touch "$work/file"
judge without-backend without_backend
judge path-of-a-file refuses "$work/file" 'no socket'
judge path-too-long refuses "$work/$(printf '%0100d' 0)" 'too long'
judge path-in-use is_in_use
if ! command -v vhost-device-vsock >/dev/null; then
	skip connections 'vhost-device-vsock is not installed'
	finish
fi
for kind in microvm q35; do
	machine="--machine $kind"
	judge guest-connects-$kind guest_connects
	judge host-connects-$kind host_connects
	judge last-words-$kind last_words_arrive
	judge host-sends-much-$kind host_sends_much
	judge nobody-on-host-$kind nobody_listens_on_host
	judge nobody-in-guest-$kind nobody_listens_in_guest
	judge sockets-are-removed-$kind sockets_are_removed
done
finish
