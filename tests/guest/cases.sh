# SPDX-License-Identifier: BSD-3-Clause
# The cases of run.sh, which sources this.

all_forms='glibc musl pie muslpie'
options=
libcs=$all_forms
for program in hello auxv sigfault; do
	try $program
done

label=plain try args one two three
label=words try args a 'b c' '' ' d ' "it's" 'say "hi"' 'back\slash' '--' '-x' 'k=v' 'rw' '$HOME' '*'
label=bytes try args 'ünï cödé' "$(printf 'a\nb\tc')" "$(printf '\001\177\377')"
long=$(head -c 100000 /dev/zero | tr '\0' L)
libcs='glibc musl'
label=long try args "$long" "$long" end
# shellcheck disable=SC2046
label=many try args $(seq 1 3000)
label=

libcs=musl
for status in 0 1 2 3 42 77 122 123 124 125 126 127 128 129 137 200 254 255 256 -1; do
	expected_status=$((status & 255))
	label=$status try exitcode $status
done
expected_status=5
for way in raw exit thread; do
	label=$way try exitcode 5 $way
done

libcs='glibc'
for way in null text data divide illegal breakpoint privileged abort noncanonical kernel stack file blocked ignored \
	1 2 3 9 10 13 14 15 19 24 31 34 64; do
	case $way in
	divide) expected_status=136 ;;
	illegal) expected_status=132 ;;
	breakpoint) expected_status=133 ;;
	abort) expected_status=134 ;;
	file) expected_status=135 ;;
	19) continue ;; # stops
	[0-9]*) expected_status=$((128 + way)) ;;
	*) expected_status=139 ;;
	esac
	signalled=yes label=$way try killed $way
done
label=17 expected_status=0 try killed 17
expected_status= label= libcs= signalled=

for program in sigmask sigflags sigqueue sigjmp sigaltstack sigregs sigframe sigtimer fpu mmap mprotect mremap reserve brk \
	memlimit stack limits identity vdso clocks timers enosys devices vectorio bigfile truncmap upperhalf compat kernelhalf exec execthread; do
	try $program
done

options=$with_data
for program in fileio openflags readdir rename links truncate paths descriptors copyup locks splice openat2 memfd mmapfile mapchange madvise notty badptr; do
	try $program
done
libcs=$all_forms try proc
libcs=
options='-m 256'
for seed in 1 2 3 4; do
	libcs=musl label=$seed try largepages $seed
done
options=$with_data label= libcs=
# On the host these need root's rights; in Capuchin everybody is root.
if [ "$(id -u)" -eq 0 ]; then
	try stat
	try mode
else
	skip stat 'not root on the host'
	skip mode 'not root on the host'
fi

# The same random calls on Linux and in Capuchin, with the seeds of $SEEDS.
options=$with_data
for seed in ${SEEDS:-1 2 3 4 5 6 7 8}; do
	for program in randomfs randommm randomsig; do
		libcs=musl label=$seed try $program $seed 2000
	done
done
label= libcs=

options=
"$programs/musl/filter" make 1048576 >"$work/binary"
printf 'one\ntwo\nno newline' >"$work/lines"
: >"$work/nothing"
for what in sum cat lines; do
	for input in binary lines nothing; do
		[ $what.$input != lines.binary ] || continue
		libcs=musl stdin=$work/$input label=$what-$input try filter $what
	done
done
stdin=$work/lines label=glibc libcs=glibc try filter lines
libcs= label= stdin=

. "$here/cases_events.sh"
. "$here/cases_vsock.sh"

# --- what cannot be compared with a run on the host -----------------------------------------------

# Two runs differ in every line; glibc's own heap and image do so only for a position-independent program.
randomised()
{
	name=aslr-$1
	is_wanted "$name" || return 0
	[ -z "$native_only" ] || return 0
	guest /dev/null "$programs/$1/aslr"
	cp "$work/out.guest" "$work/first"
	guest /dev/null "$programs/$1/aslr"
	same=$(sort "$work/first" "$work/out.guest" | uniq -d | cut -d' ' -f1 | grep -v "$2" | tr '\n' ' ')
	if [ "$(wc -l <"$work/first")" -eq 6 ] && [ -z "$same" ]; then
		pass "$name ($machine)"
	else
		fail "$name ($machine)" "the same in two runs: $same"
	fi
}
randomised glibc '^image$'
randomised musl '^image$'
randomised pie '^none$'
randomised muslpie '^none$'

# Out of memory: ENOMEM, or killed with a line that says so; no panic (125), no hang (123).
exhausted()
{
	name=exhaust-$1
	is_wanted "$name" || return 0
	[ -z "$native_only" ] || return 0
	options='-m 32'
	guest /dev/null "$programs/musl/exhaust" "$1"
	options=
	if [ "$guest_status" -eq 0 ] && grep -q '^ok exhaust' "$work/out.guest"; then
		pass "$name ($machine)"
	elif [ "$guest_status" -eq 137 ] && grep -aqi '^\[capuchin\] .*memory' "$work/out.all"; then
		pass "$name ($machine)"
	else
		fail "$name ($machine)" "status $guest_status"
		tail -n 5 "$work/out.all" | sed 's/^/    /'
		head -n 5 "$work/err.guest" | sed 's/^/    /'
	fi
}
for way in touch reserve areas file names read; do
	exhausted $way
done

# Random system calls with random arguments: the program may come to harm (a signal), the kernel may not.
chaotic()
{
	name=chaos-$1
	is_wanted "$name" || return 0
	[ -z "$native_only" ] || return 0
	options="$with_data -e T_CHAOS=1"
	guest /dev/null "$programs/musl/chaos" "$1" 20000
	options=
	case $guest_status in
	0 | 13[2-9]) [ -n "${quietly-}" ] || pass "$name ($machine)" ;;
	*)
		fail "$name ($machine)" "status $guest_status"
		tail -c 2000 "$work/out.all" | tr -cd '\11\12\40-\176' | tail -n 20 | sed 's/^/    /'
		;;
	esac
}
for seed in 1 2 3 4; do
	chaotic $seed
done
# A program soon comes to harm by its own calls: so many of them.
if is_wanted chaos-many && [ -z "$native_only" ]; then
	failed_before=$failed quietly=yes
	chosen=$only only='*'
	for seed in $(seq 100 279); do
		chaotic "$seed"
	done
	only=$chosen quietly=
	[ "$failed" -ne "$failed_before" ] || pass "chaos-many ($machine)"
fi

# typed SCRIPT [ARGUMENT]...: a program on a terminal, on the host and in Capuchin.
typed()
{
	script=$here/typing/$1.txt
	name=typing-$1
	shift
	is_wanted "$name" || return 0
	if ! "$programs/pty" "$script" "$programs/musl/typing" "$@" >"$work/typed"; then
		fail "$name (host)"
		sed 's/^/    /' "$work/typed"
		return
	fi
	[ -z "$native_only" ] || return 0
	# shellcheck disable=SC2086
	if timeout 120 "$programs/pty" "$script" ./capuchin run --timeout 60 $given "$programs/musl/typing" "$@" >"$work/typed"; then
		pass "$name ($machine)"
	else
		fail "$name ($machine)"
		head -n 30 "$work/typed" | sed 's/^/    /'
	fi
}
for script in lines editing interrupt quit; do
	typed $script
done
typed keys raw
typed long burst

# --- real programs ---------------------------------------------------------------------------------

options="--add $here/input/test.lua"
both real-lua /dev/null "$programs/real/lua" "$here/input/test.lua" a 'b c'
options=
both real-lua-stdin "$here/input/test.lua" "$programs/real/lua"
both real-sqlite "$here/input/test.sql" "$programs/real/sqlite" test.db
both real-sqlite-memory "$here/input/test.sql" "$programs/real/sqlite"

busybox=/bin/busybox
options=$with_data
new_host_directory
reuse=yes # copying takes longer than running
# applet NAME ARGUMENT...: in the data directory's parent.
applet()
{
	both "busybox-$1" "${stdin:-/dev/null}" $busybox "$@"
}
if ! [ -x $busybox ] || readelf -lW $busybox 2>/dev/null | grep -q INTERP; then
	skip busybox 'busybox-static is not installed'
else
	applet cat data/hello.txt data/numbers.txt data/empty
	applet sha256sum data/big.bin data/numbers.txt data/hello.txt
	applet md5sum data/big.bin
	applet wc data/big.bin data/numbers.txt
	applet sort -rn data/numbers.txt
	applet grep -c 7 data/numbers.txt
	applet sed -n 's/^1\(.*\)9$/<\1>/p' data/numbers.txt
	applet awk '{ s += $1; n[$1 % 7]++ } END { print s, n[0], n[6]; printf "%.3f %s\n", s / 3, toupper("x") }' data/numbers.txt
	applet find data/dir/sub -name '*.txt' -size -2
	applet head -n 3 data/numbers.txt
	applet tail -n 3 data/numbers.txt
	applet tac data/dir/c
	applet od -A d -t x1 data/hello.txt
	applet dd if=data/big.bin bs=1000 skip=3 count=5
	applet cp -v -r data/dir/sub copy
	applet ls -1 data
	applet ls -lan data/hello.txt data/link data/exec.sh data/readonly.txt
	applet stat -c '%n %s %f %h %Y %F' data/hello.txt data/exec.sh data/link
	applet du -b data/big.bin
	applet crc32 data/big.bin
	applet gzip -c data/hello.txt
	applet bzip2 -c data/numbers.txt
	applet cmp data/hard1 data/hard2
	expected_status=1 applet diff data/dir/a data/dir/b
	applet readlink data/crooked
	applet env
	applet expr 6 '*' 7
	applet seq 1 5
	applet date -u -d @1700000000
	applet cal 11 2026
	applet factor 1234567890 9999991
	applet uname -sm
	expected_status=1 applet test -e data/absent
	expected_status=1 applet unlink data/absent
	stdin=$here/input/expression.txt applet bc -l
	stdin=$work/binary applet base64
	stdin=$work/binary applet sha1sum
	stdin=$work/binary applet xxd -l 100000
	stdin=$work/lines applet sh -c 'read a; read b; echo "$b $a"; for i in 1 2 3; do echo $((i * i)); done; echo data/dir/*'
	stdin=$work/lines applet tr a-z A-Z
	stdin= expected_status=
fi
reuse=

. "$here/cases-threads.sh"
. "$here/cases-sockets.sh"
. "$here/cases-abi.sh"
