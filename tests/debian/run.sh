#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs Debian's programs unmodified: run.sh [--long] [--only PATTERN]. The packages are unpacked into roots of their own under
# build/debian; a program and its root become a VM by the command, as a user would do it.
set -u
cd "$(dirname "$0")/../.."
tree=$PWD
. scripts/result.sh

long= only='*'
while [ $# -gt 0 ]; do
	case $1 in
	--long) long=yes ;;
	--only) only=$2; shift ;;
	*) echo "usage: run.sh [--long] [--only PATTERN]" >&2; exit 2 ;;
	esac
	shift
done

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

wanted()
{
	# shellcheck disable=SC2254
	case $1 in $only) return 0 ;; esac
	return 1
}

# root NAME PACKAGE...: sets $root. Fails where the packages cannot be had; then the tests of it are skipped.
root()
{
	root=build/debian/$1
	tests/debian/fetch.sh "$@" 2>"$work/fetch" && return 0
	skip "$1" "$(tail -n 1 "$work/fetch")"
	return 1
}

# guest SECONDS MEMORY OPTION... -- PROGRAM ARGUMENT...: runs it with $root, input from stdin; output to $work/out and err.
guest()
{
	seconds=$1 memory=$2
	shift 2
	./capuchin run --accel tcg --timeout "$seconds" -m "$memory" --rootfs "$root" "$@" >"$work/out" 2>"$work/err"
}

shown()
{
	tr -d '\r' <"$work/out" | tail -n 3 | tr '\n' ' '
	tail -n 2 "$work/err" | tr '\n' ' '
}

# expect NAME STATUS WANTED GUEST-ARGUMENTS...: the output is WANTED, exactly, and the status STATUS.
expect()
{
	name=$1 status=$2 text=$3
	shift 3
	wanted "$name" || return 0
	guest "$@" </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		fail "$name" "status $got, not $status: $(shown)"
	elif [ "$(tr -d '\r' <"$work/out")" != "$text" ]; then
		fail "$name" "unexpected output: $(shown)"
	else
		pass "$name"
	fi
}

# A port of the host that nobody uses.
free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# serve MEMORY PORT OPTION... -- PROGRAM ARGUMENT...: starts a server in the background; its port PORT is $port on this machine.
serve()
{
	memory=$1 guest_port=$2
	shift 2
	port=$(free_port)
	./capuchin run --accel tcg --timeout 300 -m "$memory" --rootfs "$root" -p "127.0.0.1:$port:$guest_port" "$@" \
		>"$work/server.out" 2>"$work/server.err" </dev/null &
	server=$!
}

# Whether the server answers COMMAND..., tried for some time while it starts.
answers()
{
	for _ in $(seq 1 500); do
		"$@" >"$work/answer" 2>&1 && return 0
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.3
	done
	return 1
}

stop()
{
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	server=
}

server_shown()
{
	tail -n 2 "$work/answer" | tr '\n' ' '
	tr -d '\r' <"$work/server.out" | tail -n 2 | tr '\n' ' '
	tail -n 2 "$work/server.err" | tr '\n' ' '
}

. tests/debian/cases.sh
[ -z "$long" ] || . tests/debian/long.sh
finish
