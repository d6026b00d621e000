#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs the guest programs on this host's Linux and in Capuchin, and compares what they print and their exit status.
#
#	run.sh [--short] [--only PATTERN] [--native] [OPTION OF capuchin run]...
#
# --short: only the cases of short.list. --only: cases whose name matches the shell pattern. --native: proves the tests
# themselves, without Capuchin. A line per case, then the counts. Build first: make all guest-programs.
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

top=$PWD
here=$top/tests/guest
programs=$top/build/guest
short='' only='*' native_only=''
while [ $# -gt 0 ]; do
	case $1 in
	--short) short=yes ;;
	--only) only=$2 && shift ;;
	--native) native_only=yes ;;
	*) break ;;
	esac
	shift
done
machine=${*:-microvm}
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM
"$here/data.sh" "$work/data"

# In the guest these are all there is; the host's are made the same.
environment="PATH=/bin HOME=/ TERM=dumb T_PROC=yes T_LUA=set"

# native DIRECTORY INPUT COMMAND...: in a directory of its own, to out.native; sets $native_status.
native()
{
	dir=$1 input=$2
	shift 2
	# shellcheck disable=SC2086
	{
		(cd "$dir" && ulimit -S -s 8192 && ulimit -S -c 0 && exec timeout 60 env -i $environment T_SPACES=' a  b ' "$@") \
			<"$input" >"$work/out.native" 2>&1
		native_status=$?
	} 2>/dev/null
}

# guest INPUT COMMAND...: to out.guest; sets $guest_status. Uses $options.
guest()
{
	input=$1
	shift
	env_options=
	for variable in $environment; do
		env_options="$env_options -e $variable"
	done
	# shellcheck disable=SC2086
	timeout 90 ./capuchin run --timeout 60 $given $options $env_options -e T_SPACES=' a  b ' -- "$@" \
		<"$input" >"$work/out.all" 2>"$work/err.guest"
	guest_status=$?
	# sed, unlike grep, adds no newline to a last line without one.
	LC_ALL=C sed '/^\[capuchin\] /d' "$work/out.all" >"$work/out.guest"
}
given=$*

is_wanted()
{
	# shellcheck disable=SC2254
	case $1 in
	$only) ;;
	*) return 1 ;;
	esac
	[ -z "$short" ] || grep -qx "$1" "$here/short.list"
}

show_difference()
{
	diff -a "$work/out.native" "$work/out.guest" | head -n 20 | cut -c1-200 | sed 's/^/    /'
	grep -a '^\[capuchin\] ' "$work/out.all" | head -n 20 | sed 's/^/    /'
	head -n 5 "$work/err.guest" | sed 's/^/    /'
}

# A case of known.list is skipped, not failed, with the reason given there; it is run all the same.
fail_unless_known()
{
	while read -r pattern reason; do
		# shellcheck disable=SC2254
		case $1 in
		"#"*) ;;
		$pattern)
			skip "$1 ($machine)" "known: $reason"
			return 0
			;;
		esac
	done <"$here/known.list"
	fail "$1 ($machine)" "$2"
	show_difference
}

# compare NAME: what native and guest left behind.
compare()
{
	if [ "$guest_status" != "$native_status" ]; then
		fail_unless_known "$1" "status $guest_status, on Linux $native_status"
	elif ! cmp -s "$work/out.native" "$work/out.guest"; then
		fail_unless_known "$1" "prints something else than on Linux"
	elif [ -n "${signalled-}" ] && [ "$native_status" -gt 128 ] && ! grep -aq '^\[capuchin\] .*signal' "$work/out.all"; then
		fail_unless_known "$1" "says nothing of the signal"
	else
		pass "$1 ($machine)"
	fi
}

new_host_directory()
{
	rm -rf "$work/host"
	mkdir "$work/host"
	case $options in
	*/data*) cp -a "$work/data" "$work/host/data" ;;
	esac
}

# What Linux does is what is compared with: where a program's own check of it failed there, for want of time on a busy host, it is
# asked again.
native_until_sound()
{
	for attempt in 1 2 3; do
		[ "$attempt" -eq 1 ] || echo "    $name: failed on this host's Linux, attempt $attempt"
		[ -n "${reuse-}" ] || new_host_directory
		native "$work/host" "$input" "$@"
		[ "$native_status" -eq 124 ] || grep -aq '^failed ' "$work/out.native" || return 0
	done
}

# both NAME INPUT COMMAND...: one case.
both()
{
	name=$1 input=$2
	shift 2
	is_wanted "$name" || return 0
	if ! [ -x "$1" ]; then
		skip "$name" "$1 is not there"
		return
	fi
	native_until_sound "$@"
	if [ -n "$native_only" ]; then
		if [ "$native_status" -eq 0 ] || [ "$native_status" -eq "${expected_status:-0}" ]; then
			pass "$name (host)"
		else
			fail "$name (host)" "status $native_status"
			tail -n 5 "$work/out.native" | sed 's/^/    /'
		fi
		return
	fi
	guest "$input" "$@"
	compare "$name"
}

# try PROGRAM [ARGUMENT]...: with each C library it is built with. $label distinguishes cases of one program.
try()
{
	program=$1
	shift
	for libc in ${libcs:-glibc musl}; do
		both "$program${label:+-$label}-$libc" "${stdin:-/dev/null}" "$programs/$libc/$program" "$@"
	done
}

with_data="--add $work/data:/data"
. "$here/cases.sh"
finish
