#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command from outside: messages and statuses, streams, signals, images. Most of it boots small kernels of its own
# (kernel_*.S); the last part boots the real one. Run from the root of the tree: tests/cli/test_cli.sh [CAPUCHIN].
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
capuchin=$(realpath "${1:-$tree/capuchin}")
passed=0 failed=0 skipped=0
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL $pid 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1
mkdir tmp
export TMPDIR="$work/tmp"
unset CAPUCHIN_KERNEL

pass() { passed=$((passed + 1)); echo "ok - $1"; }
# The second line is for the summary of all suites.
fail() { failed=$((failed + 1)); echo "not ok - $1"; echo "FAIL $1: $2"; sed 's/^/# /' out err 2>/dev/null | head -20; }
skip() { skipped=$((skipped + 1)); echo "ok - $1 # SKIP $2"; echo "SKIP $1: $2"; }

# run NAME STATUS PATTERN COMMAND...: the command ends with STATUS, PATTERN is in a line of its output or errors ('' matches).
run()
{
	name=$1 status=$2 pattern=$3
	shift 3
	timeout 60 "$@" >out 2>err
	got=$?
	if [ $got -ne "$status" ]; then
		fail "$name" "status $got, not $status"
	elif [ -n "$pattern" ] && ! cat out err | grep -a -q -e "$pattern"; then
		fail "$name" "no line has '$pattern'"
	else
		pass "$name"
	fi
}

# Like run, and standard error is exactly one line "capuchin: ...".
run_line()
{
	name=$1
	run "$@"
	if [ "$(wc -l <err)" -ne 1 ] || ! grep -q '^capuchin: ' err; then
		fail "$name, in one line" 'more or other lines'
	fi
}

expect() # NAME WANTED GOT
{
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "'$3', not '$2'"; fi
}

# A machine that has been killed is gone soon, on a busy host not at once.
nothing_left() # NAME
{
	for _ in $(seq 50); do
		sleep 0.2
		left=$(ls -A tmp; ls -d /dev/shm/capuchin-* 2>/dev/null; pgrep -f "^[^ ]*qemu-system-x86_64[^ ]* .*-kernel $work/" || true)
		[ -n "$left" ] || break
	done
	expect "$1" '' "$left"
}

patch() # FILE OFFSET OCTAL-BYTES
{
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# --- what the tests run
cat >hello.c <<'C'
#include <stdio.h>
int main(int argc, char **argv) { for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]); puts("hello"); return argc; }
C
gcc -O1 -static -o hello hello.c || exit 1
gcc -O1 -o dynamic hello.c
echo 'int inner(void) { return 0; }' | gcc -shared -fPIC -x c -o libinner.so -
echo 'int inner(void); int outer(void) { return inner(); }' | gcc -shared -fPIC -x c -o libouter.so - -L. -linner
echo 'int outer(void); int main(void) { return outer(); }' |
	gcc -x c -o wanting - -L. -Wl,-rpath-link=. -Wl,--enable-new-dtags -Wl,-rpath='$ORIGIN' -louter
gcc -O1 -Wl,--dynamic-linker=/nowhere/ld.so -o unloaded hello.c
gcc -O1 -c -o object.o hello.c
gcc -shared -fPIC -nostdlib -x c -o library.so - <<'C'
int f(void) { return 0; }
C
for kernel in say echo hang silent; do
	gcc -m32 -c -o $kernel.o "$here/kernel_$kernel.S" &&
		ld -m elf_i386 -Ttext 0x100000 -e start -o $kernel.elf $kernel.o || exit 1
done

# --- usage
run 'no command is wrong usage' 2 "Try 'capuchin --help'" "$capuchin"
run 'unknown command' 2 "unknown command 'walk'" "$capuchin" walk
run 'unknown option' 2 'unrecognized option' "$capuchin" --walk
run 'no program' 2 'no program given' "$capuchin" run
run 'no program after --' 2 'no program given' "$capuchin" run --
run 'unknown option of run' 2 "Try 'capuchin run --help'" "$capuchin" run --walk ./hello
run 'unknown option of build' 2 "Try 'capuchin build --help'" "$capuchin" build --walk ./hello
run 'missing value' 2 'requires an argument' "$capuchin" run -m
run 'memory that is no number' 2 "invalid value 'much'" "$capuchin" run -m much ./hello
run 'memory of nothing' 2 "invalid value '0'" "$capuchin" run --memory=0 ./hello
run 'negative memory' 2 "invalid value '-5'" "$capuchin" run --memory=-5 ./hello
run 'more memory than there can be' 2 "invalid value '99T'" "$capuchin" run -m 99T ./hello
run 'unbalanced quote for the kernel' 2 'quotes in pairs' "$capuchin" run --kernel-arg 'a"b' ./hello
run 'end of words for the kernel' 2 'not --' "$capuchin" run --kernel-arg -- ./hello
run 'port of nothing' 2 "invalid value '0:80'" "$capuchin" run -p 0:80 ./hello
run 'port too high' 2 "invalid value '80:65536'" "$capuchin" run --publish 80:65536 ./hello
run 'port at a wrong address' 2 "invalid value '1.2.3:1:2'" "$capuchin" run -p 1.2.3:1:2 ./hello
run 'port without a network' 2 'net none' "$capuchin" run --net none -p 1:2 ./hello
run 'port of a tap' 2 'net user' "$capuchin" run --net tap=x -p 1:2 ./hello
run 'unknown network' 2 'user, none or tap' "$capuchin" run --net wire ./hello
run 'address without prefix' 2 'ADDR/PREFIX' "$capuchin" run --ip 10.0.0.1 ./hello
for address in 10.0.0.0/24 10.0.0.255/24 127.0.0.1/8 224.0.0.1/24 0.0.0.0/8 10.0.0.2/24,gw=127.0.0.1; do
	run "address that no host has: $address" 2 "invalid value '$address' for '--ip'.* as a host may" \
		"$capuchin" run --ip $address ./hello
done
run 'hardware address of nobody' 2 'six bytes' "$capuchin" run --mac 00:00:00:00:00:00 ./hello
run 'hardware address of a group' 2 'six bytes of one device' "$capuchin" run --mac 53:54:00:12:34:56 ./hello
run 'unknown format of a disk' 2 'FILE\[,ro\]' "$capuchin" run --disk hello,format=vmdk ./hello
run 'devices and a program' 2 'takes no program' "$capuchin" run --devices ./hello
run 'nine devices for microvm' 2 'room for 8' "$capuchin" run $(printf -- '--disk hello %.0s' 1 2 3 4 5 6 7 8 9) ./hello
run 'unknown accelerator' 2 'auto, kvm or tcg' "$capuchin" run --accel=warp ./hello
run 'unknown machine' 2 'microvm, q35 or pc' "$capuchin" run --machine pdp11 ./hello
run 'timeout of nothing' 2 'invalid value' "$capuchin" run --timeout 0 ./hello
run 'variable without a name' 2 'invalid value' "$capuchin" run -e =x ./hello
run 'addition at a relative path' 2 'absolute' "$capuchin" run --add hello:there ./hello
run 'build without output' 2 'no output file' "$capuchin" build ./hello
for words in --help -h help 'run --help' 'run -h' 'build --help' 'help run' 'help build'; do
	run "$words" 0 '^Usage: capuchin' "$capuchin" $words
done
for option in --memory --env --accel --machine --rootfs --add --timeout --kernel-arg --strace --verbose --publish --net --ip \
	--mac --pcap --disk --root-on-disk --devices; do
	run "help of run names $option" 0 " $option" "$capuchin" run --help
done
run 'help of run tells when DHCP is the default' 0 'or dhcp (default for tap=NAME)' "$capuchin" run --help
run '--version' 0 '^capuchin [0-9]' "$capuchin" --version
run 'help on a full disk' 1 'write error' sh -c '"$1" --help >/dev/full' - "$capuchin"

# --- what cannot be run
export CAPUCHIN_KERNEL="$work/say.elf"
cp hello plain && chmod -x plain
cp hello arm && patch arm 18 '\267\000'
cp hello wide && patch wide 4 '\001' && patch wide 18 '\003\000'
cp hello kernelhalf && patch kernelhalf 86 '\377\377'
head -c 50 hello >cut && chmod +x cut
head -c 5000 hello >short && chmod +x short
: >empty && chmod +x empty
printf '#!/bin/sh\necho\n' >script && chmod +x script
printf '#!/bin/sh\necho of a script: $1\n' >scripted && chmod +x scripted
printf 'MZ and so on' >other && chmod +x other
mkfifo pipe
run_line 'missing file' 1 './nothing: No such file' "$capuchin" run ./nothing
run_line 'missing command' 1 'nothing-at-all: No such file' "$capuchin" run nothing-at-all
run_line 'path through a file' 1 'hello/x: Not a directory' "$capuchin" run hello/x
run_line 'slash behind a file' 1 './hello/: Not a directory' "$capuchin" run ./hello/
run_line 'slash behind a file of a rootfs' 1 '/hello/: Not a directory' "$capuchin" run --rootfs . /hello/
run_line 'directory' 1 './tmp: Is a directory' "$capuchin" run ./tmp
run_line 'FIFO' 1 'not a regular file' "$capuchin" run ./pipe
run_line 'empty file' 1 './empty: the file is empty' "$capuchin" run ./empty
printf '#!\n' >vague && chmod +x vague
printf '#!/nowhere/sh\n' >astray && chmod +x astray
printf '#!/usr/bin/env nowhere-at-all\n' >lost && chmod +x lost
printf '#!%s\n' "$work/other" >led && chmod +x led
printf '#!%s\n' "$work/loop" >loop && chmod +x loop
run_line 'script without interpreter' 1 './vague: a script without' "$capuchin" run ./vague
run_line 'script whose interpreter is missing' 1 './astray: its interpreter /nowhere/sh: No such' "$capuchin" run ./astray
run_line 'script whose command is missing' 1 './lost: its interpreter nowhere-at-all: No such' "$capuchin" run ./lost
run_line 'script whose interpreter is no program' 1 './led: its interpreter .*/other: not an ELF' "$capuchin" run ./led
run_line 'script that is its own interpreter' 1 './loop: Too many levels' "$capuchin" run ./loop
run_line 'no ELF' 1 './other: not an ELF program' "$capuchin" run ./other
run_line 'not executable' 1 './plain: not marked executable' "$capuchin" run ./plain
run_line '32-bit x86' 1 './wide: a program for 32-bit x86' "$capuchin" run ./wide
run_line '64-bit ARM' 1 './arm: a program for 64-bit ARM' "$capuchin" run ./arm
run_line 'truncated header' 1 './cut: a truncated ELF' "$capuchin" run ./cut
run_line 'truncated segments' 1 './short: a truncated ELF' "$capuchin" run ./short
run_line 'segment in the kernel half' 1 'kernel' "$capuchin" run ./kernelhalf
run_line 'missing library' 1 './wanting: its library libinner.so is missing, which .*/libouter.so wants' "$capuchin" run ./wanting
run_line 'missing loader' 1 './unloaded: its loader /nowhere/ld.so: No such' "$capuchin" run ./unloaded
run_line 'object file' 1 './object.o: an object file' "$capuchin" run ./object.o
chmod +x library.so
run_line 'shared library' 1 'shared library\|entry point' "$capuchin" run ./library.so
run_line 'one MiB' 1 'needs at least [0-9]* MiB of memory, and the machine has 1 MiB' "$capuchin" run -m 1 ./hello
gcc -O1 -static -x c -o large - <<'C'
char large[300 << 20];
int main(void) { return large[5]; }
C
run_line 'program larger than memory' 1 'needs at least 30[0-9] MiB' "$capuchin" run ./large
run_line 'missing rootfs' 1 './none: No such file' "$capuchin" run --rootfs ./none /hello
run_line 'rootfs that is a file' 1 'neither a directory nor a tar archive' "$capuchin" run --rootfs ./hello /hello
run_line 'missing in the rootfs' 1 '/bin/x: No such file.*root directory' "$capuchin" run --rootfs ./tmp /bin/x
run_line 'missing addition' 1 './none: No such file' "$capuchin" run --add ./none:/x ./hello
run_line 'missing kernel' 1 'kernel image' env CAPUCHIN_KERNEL=./none "$capuchin" run ./hello
run_line 'no QEMU' 1 'qemu-system-x86_64: not found; install' env PATH="$work" "$capuchin" run ./hello
run_line 'output in a missing directory' 1 'No such file' "$capuchin" build -o none/x.iso ./hello
run_line 'output that is a directory' 1 'Is a directory' "$capuchin" build -o tmp ./hello
run 'unfit kernel' 1 'capuchin: qemu' env CAPUCHIN_KERNEL="$work/hello.c" "$capuchin" run ./hello
nothing_left 'nothing is left after errors'

run_line 'missing disk' 1 './none: No such file' "$capuchin" run --disk ./none ./hello
run_line 'disk that is a directory' 1 './tmp: Is a directory' "$capuchin" run --disk ./tmp ./hello
run_line 'disk that is no qcow2' 1 './hello: not a qcow2' "$capuchin" run --disk ./hello,format=qcow2 ./hello
: >nothing-in-it
head -c 1000 /dev/zero >part
head -c 1024 /dev/zero >sectors
ln sectors sectors-too
run_line 'disk of nothing' 1 './nothing-in-it: 0 bytes, and a disk has' "$capuchin" run --disk ./nothing-in-it ./hello
run_line 'disk with part of a sector' 1 './part: 1000 bytes, and a disk has' "$capuchin" run --disk ./part,ro ./hello
run_line 'disk twice' 1 'sectors-too: is two disks' "$capuchin" run --disk sectors,ro --disk ./sectors-too ./hello
run_line 'disk twice in a directory' 1 'sectors: is two disks' "$capuchin" build -o twice --for qemu --disk sectors --disk sectors ./hello
run 'disk twice, which nobody writes' 7 hello "$capuchin" run --disk sectors,ro --disk ./sectors-too,ro ./hello
printf 'QFI\373' >qcow2
run_line 'disk that may be qcow2' 1 './qcow2: looks like qcow2' "$capuchin" run --disk ./qcow2 ./hello
run_line 'port twice' 1 'port 18473 of the host: Address already in use' "$capuchin" run -p 18473:80 -p 18473:81 ./hello
run_line 'port at an address of nobody' 1 'port 18473 of the host at 192.0.2.1: Cannot assign' \
	"$capuchin" run -p 192.0.2.1:18473:80 ./hello

run_line 'tap that is not there' 1 '--net tap=nosuch: no such interface' "$capuchin" run --net tap=nosuch ./hello
run_line 'tap that is another interface' 1 '--net tap=lo: is not a tap' "$capuchin" run --net tap=lo ./hello

# --- streams and status
"$capuchin" run ./hello </dev/null >out 2>err
expect 'status comes from the record' 7 $?
printf 'hello\033_capuchin;exit=3\033\\ \033_capuchin;exit=300\033\\ \033[1m\n' >wanted
if cmp -s wanted out; then pass 'only the last record is taken out'; else fail 'only the last record is taken out' differs; fi
expect 'standard error is quiet' '' "$(cat err)"
for machine in q35 pc; do
	run "machine $machine" 7 hello "$capuchin" run --machine $machine ./hello
done
for machine in q35 pc; do
	# To 4,095 bytes: what the command says of an argument that is far too long is how much too long it is.
	long=$(head -c 5000 /dev/zero | tr '\0' k)
	run_line "far too long a line for $machine" 1 "$machine takes 4095" \
		"$capuchin" run --machine $machine --kernel-arg "$long" ./hello
	excess=$(($(grep -o 'has [0-9]* bytes' err | grep -o '[0-9]*') - 4095))
	fits=${long%"$(head -c $excess /dev/zero | tr '\0' k)"}
	run "longest line of $machine" 7 hello "$capuchin" run --machine $machine --kernel-arg "$fits" ./hello
	run_line "too long a line for $machine" 1 'has 4096 bytes' \
		"$capuchin" run --machine $machine --kernel-arg "${fits}k" ./hello
done
run 'long line of microvm' 7 hello "$capuchin" run --kernel-arg "$(head -c 60000 /dev/zero | tr '\0' k)" ./hello
run 'memory of 64 GiB' 7 hello "$capuchin" run -m 64G ./hello
run '-v tells what is done' 7 'kernel command line.*init=.*loglevel=7.*LANG=C.*-- a "b c"' \
	"$capuchin" run -v -e LANG=C ./hello a 'b c'
run '-v hides the seed' 7 'accelerator' "$capuchin" run -v ./hello
grep -q 'seed=' err && fail '-v hides the seed' 'it shows it'
export CAPUCHIN_KERNEL="$work/silent.elf"
run_line 'end without a status' 122 'without telling a status' "$capuchin" run ./hello
export CAPUCHIN_KERNEL="$work/echo.elf"
head -c 60000 /dev/urandom >random
timeout 60 "$capuchin" run ./hello <random >out 2>err
expect 'input of all values arrives' 0 $?
if cmp -s random out; then pass 'input comes back unchanged'; else fail 'input comes back unchanged' differs; fi
run 'no input is end of file' 0 '' "$capuchin" run ./hello </dev/null
run 'closed input is end of file' 0 '' "$capuchin" run ./hello <&-
yes | timeout 60 "$capuchin" run ./hello 2>err | head -n 1 >out
expect 'closed output ends the machine quietly' 'y' "$(cat out err)"
export CAPUCHIN_KERNEL="$work/say.elf"
printf 'mine\n' | { "$capuchin" run ./hello >/dev/null; cat; } >out
expect 'input that is not asked for stays' mine "$(cat out)"
nothing_left 'nothing is left after machines that end'

# --- signals and time
export CAPUCHIN_KERNEL="$work/hang.elf"
run_line 'timeout' 123 'timeout' "$capuchin" run --timeout 0.7 ./hello
expect 'output before the timeout arrives' hanging "$(cat out)"
# Starts the machine and waits until it runs, as a signal that comes earlier meets the shell. By env: who runs the tests may
# have SIGHUP ignored, which the command respects.
start_hanging()
{
	: >out
	env --default-signal=HUP "$capuchin" run ./hello >>out 2>err </dev/null &
	pid=$!
	while ! grep -q hanging out && kill -0 $pid 2>/dev/null; do sleep 0.05; done
}

for signal in 15 2 1; do
	start_hanging
	kill -$signal $pid
	wait $pid
	got=$? pid=
	expect "signal $signal ends the machine" $((128 + signal)) $got
	nothing_left "nothing is left after signal $signal"
done
start_hanging
kill -KILL $pid
wait $pid 2>/dev/null
pid=
nothing_left 'nothing is left even after SIGKILL'

# --- images
export CAPUCHIN_KERNEL="$work/say.elf"
if command -v grub-mkrescue >/dev/null && [ -d /usr/lib/grub/i386-pc ] && [ -d /usr/lib/grub/x86_64-efi ]; then
	run 'build' 0 '' "$capuchin" build -o x.iso -e 'A=b c' --kernel-arg 'k=$v' ./hello 'a b'
	xorriso -osirrox on -indev x.iso -extract /boot/grub/grub.cfg grub.cfg >/dev/null 2>&1
	run "GRUB's configuration quotes" 0 "'args=/.capuchin/args' 'k=\$v' 'env=/.capuchin/env'" cat grub.cfg
	expect 'the image is small' yes "$([ "$(stat -c %s x.iso)" -lt 8000000 ] && echo yes)"
	run 'kernel arguments that GRUB would change' 1 'cannot be handed through GRUB' \
		"$capuchin" build -o y.iso --kernel-arg 'a"b"' ./hello
	expect 'a failed build leaves no file' '' "$(ls y.iso* x.iso.* 2>/dev/null)"
	nothing_left 'nothing is left after builds'
else
	skip build 'GRUB is not installed'
fi

# --- the root image: taken out of it by a QEMU that leaves it in $LIST.d, and lists it in $LIST
mkdir fake root root/bin
cat >fake/qemu-system-x86_64 <<'S'
#!/bin/sh
for word; do
	case ${previous-} in
	-readconfig) cat "$word" >/dev/null ;;
	-initrd) cp "$word" "$LIST.img" ;;
	esac
	previous=$word
done
rm -rf "$LIST.d"
fsck.erofs --extract="$LIST.d" "$LIST.img" >/dev/null || exit 9
cd "$LIST.d" || exit 9
{
	find . ! -type d -printf '%P %l\n' | sort
	find . -type l -printf 'time %P %T@\n'
	find . -type d -printf '%P %m\n' | sort
} >"$LIST"
exec /usr/bin/qemu-system-x86_64 "$@"
S
chmod +x fake/qemu-system-x86_64
cp hello root/bin/hello
ln -s /bin/hello root/link
ln -s ../../../../etc root/out
touch -h -d @86400 root/link
export LIST="$work/list"
fakepath="$work/fake:$PATH"
run 'arguments in a file' 7 '' env PATH="$fakepath" "$capuchin" run -e low=1 ./hello 'k=v' 'a"b' ''
expect 'file of arguments' './hello|k=v|a"b||' "$(tr '\0' '|' <list.d/.capuchin/args)"
expect 'file of variables' 'HOME=/|low=1|' "$(tr '\0' '|' <list.d/.capuchin/env | sed 's/^PATH=[^|]*|//')"
expect 'the directories that are needed' 'dev 755 etc 755 proc 555 sys 555 tmp 1777' \
	"$(grep -E '^(dev|etc|proc|sys|tmp) ' list | tr '\n' ' ' | sed 's/ $//')"
expect 'the program is at its own path' "${work#/}/hello" "$(grep -o '^.*/hello' list)"
run 'a program by a link of /proc' 7 '' env PATH="$fakepath" sh -c 'exec "$1" run /proc/self/fd/3 3<./hello' - "$capuchin"
expect 'it is packed where it is' "${work#/}/hello" "$(grep -o '^.*/hello' list)"
if shared=$(mktemp -p /dev/shm 2>/dev/null); then
	cp hello "$shared" && chmod +x "$shared"
	run_line 'a program in /dev' 1 'cannot be run there: /dev is the kernel' "$capuchin" run "$shared"
	rm -f "$shared"
else
	skip 'a program in /dev' '/dev/shm cannot be written'
fi
run_line 'a device as program' 1 '/dev/null: not a regular file' "$capuchin" run /dev/null
mkdir -p tree/sub && echo x >tree/sub/file
run 'additions in a rootfs' 7 '' env PATH="$fakepath" "$capuchin" run --rootfs root --add tree:/data --add hello.c:/out/c /link
expect 'a directory is added with its content' 'data/sub/file' "$(grep -o '^data/sub/file' list)"
expect 'links keep their time' 'time link 86400' "$(grep -o '^time link [0-9]*' list)"
expect 'links of the rootfs stay in it' 'etc/c' "$(grep -o '^etc/c' list)"
mkdir -p long/sub && : >"long/sub/$(printf '%0255d' 0)"
run 'name of 255 bytes' 7 '' env PATH="$fakepath" "$capuchin" run --add long:/long ./hello
expect 'a name of 255 bytes is kept' 255 "$(basename list.d/long/sub/0*0 | tr -d '\n' | wc -c)"
ln -s ../libinner.so libgiven.so
mkdir lib && mv libinner.so lib/
echo 'int inner(void); int main(void) { return inner(); }' |
	gcc -x c -o library-path - -Llib -linner
# An archive that nobody packs in good faith. tar itself takes the names only because of -P.
mkdir -p evil/dev && echo in >evil/plain && echo up >evil/up && ln evil/plain evil/hard && cp hello evil/hello && chmod 751 evil/hello
ln -s "$work/evil" evil/away && mknod evil/dev/null c 1 3 2>/dev/null || : >evil/dev/null
tar -C evil -P --owner=1234 --group=77 --transform='s,^./up,../../up,;s,^./plain,/abs/plain,' -cf evil.tar .
tar -C evil -P --transform='s,^,away/,;s,plain,below,' -rf evil.tar plain
gzip -k evil.tar
for archive in evil.tar evil.tar.gz; do
	run "rootfs from $archive" 7 'up: left out' env PATH="$fakepath" "$capuchin" run --rootfs $archive /hello
	expect "$archive: names stay in the root" "abs/plain hard hello ${work#/}/evil/below" \
		"$(grep -o -e '^abs/plain' -e '^hard' -e '^hello' -e "^${work#/}/evil/below" list | tr '\n' ' ' | sed 's/ $//')"
	expect "$archive: owner and mode are kept" '1234 77 751' "$(dump.erofs --path=/hello list.img |
		sed -nE 's,^Uid: *([0-9]+) *Gid: *([0-9]+) *Access: *0*([0-9]+)/.*,\1 \2 \3,p')"
done
expect 'nothing is unpacked on the host' '' "$(ls ../up "$work/evil/below" 2>/dev/null)"
head -c 3000 evil.tar >cut.tar
run 'truncated archive' 1 'cut.tar: ' "$capuchin" run --rootfs cut.tar /hello
run 'addition that nobody will see' 7 '^capuchin: /proc/x: the program will not see' "$capuchin" run --add hello.c:/proc/x ./hello
run 'argument that names a file of the host' 7 '^capuchin: ./hello.c is not in the machine' "$capuchin" run ./hello ./hello.c
"$capuchin" run --add hello.c:/hello.c ./hello ./hello.c hello /hello.c >out 2>err
expect 'argument that names a file of the machine' '' "$(cat err)"
run 'additions without a size' 7 '' env PATH="$fakepath" bash -c 'exec "$0" run --add <(echo piped):/piped --add /proc/version:/version ./hello' "$capuchin"
expect 'their content is read' "piped $(cat /proc/version)" "$(cat list.d/piped list.d/version | tr '\n' ' ' | sed 's/ $//')"
run 'file added into a directory' 7 '' env PATH="$fakepath" "$capuchin" run --add tree:/data --add hello.c:/data/sub/ --add hello:/data ./hello
expect 'it keeps its name' 'data/hello data/sub/hello.c' "$(grep -o -e '^data/hello ' -e '^data/sub/hello.c' list | tr -d '\n')"
run_line 'directory added onto a file' 1 '/data: Not a directory' "$capuchin" run --add hello.c:/data --add tree:/data ./hello
run 'library of LD_LIBRARY_PATH' 7 '' env PATH="$fakepath" "$capuchin" run -e LD_LIBRARY_PATH="$work/lib" ./library-path
expect 'the library is at its place' "${work#/}/lib/libinner.so" "$(grep -o '^.*/libinner.so' list)"
gcc -x c -o rpath - -Llib -linner -Wl,--disable-new-dtags -Wl,-rpath='$ORIGIN/lib' <<'C'
int inner(void); int main(void) { return inner(); }
C
run 'library of RPATH' 7 '' env PATH="$fakepath" "$capuchin" run ./rpath
mkdir elsewhere && echo 'int inner(void) { return 1; }' | gcc -shared -fPIC -x c -o elsewhere/libinner.so -
run 'LD_LIBRARY_PATH comes after RPATH' 7 '' env PATH="$fakepath" "$capuchin" run -e LD_LIBRARY_PATH="$work/elsewhere" ./rpath
expect 'of RPATH' "${work#/}/lib/libinner.so" "$(grep -o '^.*/libinner.so' list)"
gcc -x c -o runpath - -Llib -linner -Wl,--enable-new-dtags -Wl,-rpath='$ORIGIN/lib' <<'C'
int inner(void); int main(void) { return inner(); }
C
run 'LD_LIBRARY_PATH comes before RUNPATH' 7 '' env PATH="$fakepath" "$capuchin" run -e LD_LIBRARY_PATH="$work/elsewhere" ./runpath
expect 'of LD_LIBRARY_PATH' "${work#/}/elsewhere/libinner.so" "$(grep -o '^.*/libinner.so' list)"
expect 'the loader of the program is packed' yes "$([ -e list.d/lib64/ld-linux-x86-64.so.2 ] && echo yes)"
if cmp -s "$(realpath /lib/x86_64-linux-gnu/libc.so.6)" list.d/usr/lib/x86_64-linux-gnu/libc.so.6; then
	pass 'libraries are packed as they are'
else
	fail 'libraries are packed as they are' 'libc differs'
fi
printf '#!/usr/bin/env -S sh -e\necho\n' >enveloped && chmod +x enveloped
run 'script by env' 7 '' env PATH="$fakepath" "$capuchin" run ./enveloped
expect 'script, env and shell are packed' 3 "$(grep -c -e '/enveloped $' -e '^usr/bin/env $' -e '^usr/bin/dash $' list)"
run 'name within a rootfs' 7 '' "$capuchin" run --rootfs root hello

# --- devices, as QEMU is asked for them
cat >qemu-words <<'S'
#!/bin/sh
printf '%s\n' "$@" >"$LIST.words"
exec /usr/bin/qemu-system-x86_64 "$@"
S
chmod +x qemu-words && mkdir words && mv qemu-words words/qemu-system-x86_64
head -c 102400 /dev/zero >'a,b.img'
words() # NAME PATTERN OPTION...: QEMU is given a word that fits the pattern
{
	name=$1 pattern=$2
	shift 2
	run "$name" 7 hello env PATH="$work/words:$PATH" "$capuchin" run "$@" ./hello
	run "$name: QEMU is told" 0 "$pattern" cat list.words
}
mkdir tunes
printf '#!/bin/sh\nprintf "%%s\\n\\033_capuchin;exit=7\\033\\\\\\\\" "$GLIBC_TUNABLES"\n' >tunes/qemu-system-x86_64
chmod +x tunes/qemu-system-x86_64
run "what the user has set for QEMU's C library counts more" 7 '^glibc.malloc.hugetlb=1:.*:glibc.malloc.check=0$' \
	env PATH="$work/tunes:$PATH" GLIBC_TUNABLES=glibc.malloc.check=0 "$capuchin" run ./hello
expect 'no network without an option' '' "$(env PATH="$work/words:$PATH" "$capuchin" run ./hello >/dev/null 2>&1; grep net list.words)"
words 'published port' '^user,id=net0,net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3,hostfwd=tcp::18473-10.0.2.15:80$' -p 18473:80
run 'the kernel is told of the network' 0 ' ip=10.0.2.15::10.0.2.2:255.255.255.0:::off:10.0.2.3 ' cat list.words
words 'published port for UDP' 'hostfwd=udp:127.0.0.1:18473-10.0.2.15:53$' -p 127.0.0.1:18473:53/udp
words 'address' 'net=192.168.7.0/28,host=192.168.7.1,dns=192.168.7.3,hostfwd=tcp::18473-192.168.7.2:80$' \
	--ip 192.168.7.2/28 -p 18473:80
words 'DHCP' ' ip=dhcp ' --ip dhcp
words 'hardware address' '^virtio-net-device,netdev=net0,mac=52:54:00:aa:bb:cc$' --mac 52:54:00:aa:bb:cc
words 'network card on PCI' '^virtio-net-pci,romfile=,netdev=net0$' --net user --machine q35
words 'copy of frames' '^filter-dump,id=dump0,netdev=net0,file=x,,y.pcap$' --pcap x,y.pcap
expect 'the copy is there' yes "$([ -s x,y.pcap ] && echo yes)"
words 'disk' 'node-name=disk0,read-only=on,.*file.filename=a,,b.img$' --disk a,b.img,ro
words 'disk on PCI' '^virtio-blk-pci,drive=disk1$' --disk a,b.img,ro --disk sectors,ro --machine pc
words 'root directory on disk' '^virtio-blk-device,drive=root$' --root-on-disk --disk a,b.img
run 'the kernel is told of its root' 0 ' root=/dev/vda ' cat list.words
run 'no program for a list of devices' 7 hello env PATH="$work/words:$PATH" "$capuchin" run --devices
run 'the kernel is told to list devices' 0 '^seed=[0-9a-f]* wall=[0-9]* devices ' cat list.words

# --- the real kernel
kernel=$tree/build/capuchin.elf
export CAPUCHIN_KERNEL="$kernel"
if [ -f "$kernel" ]; then
	run 'dynamic hello' 3 '^\[b c\]' "$capuchin" run --timeout 60 ./dynamic a 'b c' </dev/null
	musl-gcc -O1 -o musl hello.c
	run 'dynamic hello of musl' 3 '^\[b c\]' "$capuchin" run --timeout 60 ./musl a 'b c' </dev/null
	run 'interpreter with a library of its own' 0 '^42 3.1' \
		"$capuchin" run --timeout 60 perl -MPOSIX -MMath::Trig -e 'printf "%d %.1f\n", POSIX::floor(42.5), pi' </dev/null
	tar -cf root.tar --transform 's,^,bin/,' hello
	run 'rootfs from an archive' 2 'hello' "$capuchin" run --timeout 60 --rootfs root.tar hello a </dev/null
	run 'shell script' 0 'of a script: x' "$capuchin" run --timeout 60 ./scripted x </dev/null
	run 'hello' 3 '^\[b c\]' "$capuchin" run --timeout 60 ./hello a 'b c' </dev/null
	run 'arguments by file' 4 '^\[a"b\]' "$capuchin" run --timeout 60 ./hello 'a"b' 'k=v' '' </dev/null
	gcc -O1 -static -x c -o env - <<'C'
#include <stdio.h>
int main(int argc, char **argv, char **environment) { (void)argc; (void)argv; while (*environment) puts(*environment++); return 0; }
C
	TERM=dumb timeout 60 "$capuchin" run -e A=b ./env </dev/null 2>err | cut -d= -f1 | sort >out
	expect 'variables where there is no terminal' 'A HOME PATH' "$(tr '\n' ' ' <out | sed 's/ $//')"
	gcc -O1 -static -x c -o cat - <<'C'
#include <unistd.h>
int main(void) { char b[4096]; ssize_t n; while ((n = read(0, b, sizeof b)) > 0) write(1, b, n); return 0; }
C
	timeout 90 "$capuchin" run ./cat <random >out 2>err
	expect 'cat ends with its input' 0 $?
	if cmp -s random out; then pass 'cat gives its input back'; else fail 'cat gives its input back' differs; fi
	gcc -O1 -static -x c -o echo - <<'C'
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>
static char bytes[100];
static int bound(int type)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(7) };
	int s = socket(AF_INET, type, 0);
	return bind(s, (void *)&address, sizeof address) ? -1 : s;
}
int main(void)
{
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	int tcp = bound(SOCK_STREAM), udp = bound(SOCK_DGRAM);
	listen(tcp, 1);
	puts("ready");
	fflush(stdout);
	int c = accept(tcp, 0, 0);
	write(c, bytes, read(c, bytes, sizeof bytes));
	close(c);
	ssize_t got = recvfrom(udp, bytes, sizeof bytes, 0, (void *)&from, &length);
	sendto(udp, bytes, got, 0, (void *)&from, length);
	sleep(1);
	return 5;
}
C
	for machine in microvm q35; do
		: >out # what the last one said is no answer
		timeout 90 "$capuchin" run --machine $machine -p 127.0.0.1:18474:7 -p 127.0.0.1:18474:7/udp ./echo >out 2>err </dev/null &
		pid=$!
		for _ in $(seq 300); do
			grep -q ready out && break
			sleep 0.1
		done
		expect "$machine: published port of TCP" 'to and fro' \
			"$(timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/18474; echo to and fro >&3; cat <&3' 2>/dev/null)"
		expect "$machine: published port of UDP" 'once more' \
			"$(timeout 20 bash -c 'exec 3<>/dev/udp/127.0.0.1/18474; echo once more >&3; head -n 1 <&3' 2>/dev/null)"
		wait $pid
		expect "$machine: server ends" 5 $?
		pid=
	done
	# The boot ROM lies beside the kernel; a kernel without one is booted by QEMU's own.
	rom=$tree/build/capuchin.rom
	run 'the boot ROM is used' 1 "boot ROM $rom" "$capuchin" run --timeout 60 -v ./hello
	run 'and on microvm only' 1 'machine pc' "$capuchin" run --timeout 60 -v --machine pc ./hello
	if grep -q 'boot ROM' err; then fail 'and on microvm only' 'on pc'; fi
	mkdir alone && cp "$kernel" alone/
	run 'boots without the ROM' 1 hello env CAPUCHIN_KERNEL=alone/capuchin.elf "$capuchin" run --timeout 60 -v ./hello
	if grep -q 'boot ROM' err; then fail 'boots without the ROM' 'there is one'; fi
	gcc -O1 -static -nostdlib -x c -o tiny - <<'C'
void _start(void) { __asm__ volatile("syscall" : : "a"(231), "D"(9)); }
C
	for memory in 3M 4M 64M 3G 5G 64G; do
		run "boots a small image with $memory" 9 '' "$capuchin" run --timeout 60 -m $memory ./tiny
	done
	for memory in 5M 64M 3G 5G 64G; do
		run "boots a larger image with $memory" 1 hello "$capuchin" run --timeout 60 -m $memory ./hello
	done
	run 'long line for the real kernel' 1 hello \
		"$capuchin" run --timeout 60 --kernel-arg "$(head -c 60000 /dev/zero | tr '\0' k)" ./hello
	microvm='qemu-system-x86_64 -M microvm,acpi=off -accel tcg -nodefaults -no-reboot -display none -serial stdio'
	run 'boot ROM without a kernel' 0 'boot ROM: there is no kernel with a PVH entry' $microvm -bios "$rom" </dev/null
	head -c 2700000 /dev/zero >fat
	run 'boot ROM with too large an initrd' 0 'boot ROM: .* too little memory for the initrd' \
		$microvm -bios "$rom" -kernel "$kernel" -initrd fat -m 4 </dev/null
	run 'list of devices' 0 'network.*eth0 52:54:00:12:34:56' "$capuchin" run --timeout 60 --devices --net user
else
	skip 'the real kernel' "$kernel is not built"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
