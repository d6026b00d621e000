#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# init=selftest on QEMU's machines, by TCG and, where there is one, KVM; and machines with a fault, each of which must be told.
#
#	run.sh [--only PATTERN]
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || only=$2
kernel=build/capuchin.elf
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-selftest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

head -c 4M /dev/urandom >"$work/plain"
# scratch NAME BYTES: a disk with the mark of one that may be written.
scratch()
{
	rm -f "$work/$1"
	truncate -s "$2" "$work/$1"
	printf 'capuchin scratch disk\n' | dd of="$work/$1" conv=notrunc 2>/dev/null
}
scratch scratch 2M

wanted()
{
	# shellcheck disable=SC2254
	case $1 in
	$only) return 0 ;;
	*) return 1 ;;
	esac
}

# run PARAMETERS QEMU ARGUMENT...: the console to $work/console, the status of the record to $status.
run()
{
	parameters=$1
	shift
	: >"$work/console"
	timeout --kill-after=5 "${limit:-60}" qemu-system-x86_64 -cpu max -m 96 -display none -nodefaults -no-user-config -nic none -no-reboot \
		-serial "file:$work/console" ${kernel:+-kernel $kernel -append "init=selftest $parameters"} "$@" <"${input:-/dev/null}" >"$work/qemu" 2>&1
	status=$(grep -ao 'capuchin;exit=[0-9]*' "$work/console" | tail -n 1 | cut -d= -f2)
	sed -i 's/\r$//' "$work/console"
}

# expect NAME STATUS TEXT...: what run left behind; each TEXT is a pattern.
expect()
{
	name=$1 want=$2 why=
	shift 2
	[ "${status:-none}" = "$want" ] || why="status ${status:-none}, want $want"
	for text; do
		grep -aqE -e "$text" "$work/console" || why="'$text' is not on the console"
	done
	if [ -z "$why" ]; then
		pass "$name"
		return
	fi
	fail "$name" "$why"
	tail -n 30 "$work/console" "$work/qemu" | tr -cd '\11\12\40-\176' | cut -c1-200 | sed 's/^/    /'
}

# devices SUFFIX: two disks, network, entropy and balloon, by registers in memory (device) or on PCI (pci).
devices()
{
	echo "-drive if=none,id=a,format=raw,file=$work/plain,readonly=on -device virtio-blk-$1,drive=a
		-drive if=none,id=b,format=raw,file=$work/scratch,discard=unmap -device virtio-blk-$1,drive=b
		-netdev user,id=n -device virtio-net-$1,netdev=n -device virtio-rng-$1 -device virtio-balloon-$1"
}
static='ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off'
modern='-global virtio-mmio.force-legacy=off'

# all NAME KIND PARAMETERS QEMU ARGUMENT...: everything is there, and everything works.
all()
{
	name=$1 kind=$2 parameters=$3
	shift 3
	wanted "$name" || return 0
	# shellcheck disable=SC2046
	run "$parameters" "$@" $(devices "$kind")
	expect "$name" 0 '^selftest: version=1$' '^selftest: boot=pvh$' '^selftest: ok clock: ' '^selftest: ok clock and pit: ' \
		'^selftest: ok timer: 5 ' '^selftest: ok sleep: ' '^selftest: ok memory pattern: ' '^selftest: disk.vda.bytes=4194304$' \
		'^selftest: ok disk vda: 4096 KiB, read-only, read at 64 places$' '^selftest: skip disk vda: not written' \
		'^selftest: ok disk vdb: .* written and read back$' '^selftest: net.eth0.mac=52:54:00:12:34:56$' \
		'^selftest: net.eth0.address=10.0.2.15/24$' '^selftest: ok gateway eth0: 10.0.2.2 ' '^selftest: ok echo by TCP: ' \
		'^selftest: ok echo by UDP: ' '^selftest: ok page by HTTP: ' '^selftest: ok entropy: 64 bytes' '^selftest: ok balloon: ' \
		'^selftest: result=ok passed=[0-9]+ failed=0 skipped=[0-9]+$'
}

# shellcheck disable=SC2086
{
	all microvm device '' -accel tcg -M microvm,acpi=off $modern
	all microvm-legacy device '' -accel tcg -M microvm,acpi=off
	all q35 pci '' -accel tcg -M q35
	all pc pci '' -accel tcg -M pc
}

# Where KVM has no hardware below it, it emulates the kernel, a thousand times slower.
if [ ! -w /dev/kvm ]; then
	skip microvm-kvm 'no /dev/kvm that may be used'
else
	scratch scratch 64K
	limit=280 all microvm-kvm device "noxsave nosmap selftest.memory=1 $static" -accel kvm -cpu max,-arch-capabilities -M microvm,acpi=off $modern
fi

# --- what is asked for besides --------------------------------------------------------------------

microvm="-accel tcg -M microvm,acpi=off $modern"

# shellcheck disable=SC2086
if wanted nothing; then
	run '' $microvm
	expect nothing 0 '^selftest: skip disks: ' '^selftest: skip net: ' '^selftest: skip entropy: ' '^selftest: skip balloon: ' \
		'^selftest: result=ok '
fi
# shellcheck disable=SC2086
if wanted all-memory; then
	run 'selftest.memory=all' $microvm
	tested=$(sed -n 's/^selftest: memory.tested=//p' "$work/console")
	if [ "${tested:-0}" -gt $((90 << 20)) ]; then
		expect all-memory 0 '^selftest: ok memory pattern: '
	else
		fail all-memory "${tested:-0} bytes of 96 MiB were tested"
	fi
fi
# shellcheck disable=SC2086
if wanted beat; then
	run 'selftest.beat=1 selftest.beats=3' $microvm
	expect beat 0 '^selftest: beat=3 monotonic=[0-9]+ wall=[0-9]+ random=[0-9a-f]{32}$'
	beats=$(grep -a '^selftest: beat=' "$work/console")
	if [ "$(echo "$beats" | wc -l)" = 3 ] && [ "$(echo "$beats" | grep -o 'random=.*' | sort -u | wc -l)" = 3 ] &&
		echo "$beats" | grep -o 'monotonic=[0-9]*' | cut -d= -f2 | sort -c -n -u; then
		pass beats-differ
	else
		fail beats-differ "$beats"
	fi
fi

# --- machines with a fault ------------------------------------------------------------------------

# faulty NAME TEXT PARAMETERS QEMU ARGUMENT...: the check that must fail, and does.
faulty()
{
	name=faulty-$1 text=$2 parameters=$3
	shift 3
	wanted "$name" || return 0
	# shellcheck disable=SC2086
	run "$parameters" $microvm "$@"
	expect "$name" 1 "^selftest: FAIL $text" '^selftest: result=failed '
}

# error NAME LINE...: a scratch disk that fails as these lines of QEMU's blkdebug say.
error()
{
	name=$1
	shift
	scratch "$name" 2M
	printf '%s\n' '[inject-error]' 'errno = "5"' 'once = "off"' "$@" >"$work/$name.config"
	echo "-drive if=none,id=a,format=raw,file.driver=blkdebug,file.config=$work/$name.config,file.image.filename=$work/$name
		-device virtio-blk-device,drive=a,rerror=report,werror=report"
}

# shellcheck disable=SC2046
{
	faulty clock-rate 'clock and pit: ' 'tsc=2000000'
	faulty disk-read 'disk vda: reading at 0: error 5$' '' $(error read 'event = "read_aio"' 'sector = "0"')
	faulty disk-write 'disk vda: writing at [0-9]+: error 5$' '' $(error write 'event = "write_aio"' 'sector = "256"')
	faulty disk-flush 'disk vda: flushing at 0: error 5$' '' $(error flush 'event = "none"' 'iotype = "flush"')
	faulty entropy-silent 'entropy: the device does not answer' '' -chardev null,id=c -object rng-egd,chardev=c,id=r \
		-device virtio-rng-device,rng=r
	faulty no-address 'net eth0: it has no address' '' -netdev hubport,id=n,hubid=0 -device virtio-net-device,netdev=n
	faulty no-gateway 'gateway eth0: 10.0.2.2 ' "$static" \
		-netdev hubport,id=n,hubid=0 -device virtio-net-device,netdev=n
}
# QEMU's monitor takes the cable out before the machine starts.
# shellcheck disable=SC2086
if wanted faulty-no-link; then
	input=$work/commands
	printf 'set_link nic off\ncont\n' >"$input"
	run '' $microvm -S -monitor stdio -netdev user,id=n -device virtio-net-device,netdev=n,id=nic
	expect faulty-no-link 1 '^selftest: FAIL net eth0: it has no link' '^selftest: result=failed '
fi

# --- by the command -------------------------------------------------------------------------------

# command NAME STATUS TEXTS WORD...: `capuchin selftest` ends so, and prints a row for each of the patterns, one a line.
command()
{
	name=command-$1 want=$2 texts=$3
	shift 3
	wanted "$name" || return 0
	TMPDIR=$work ./capuchin selftest --accel tcg "$@" >"$work/console" 2>"$work/qemu" </dev/null
	status=$?
	missing=$(echo "$texts" | while read -r text; do
		[ -z "$text" ] || grep -qE -e "^$text" "$work/console" || echo "'$text'"
	done)
	if [ $status -eq "$want" ] && [ -z "$missing" ] && [ -z "$(ls "$work" | grep capuchin-scratch)" ]; then
		pass "$name"
	else
		fail "$name" "status $status, want $want; missing: $missing"
		sed 's/^/    /' "$work/console" "$work/qemu"
	fi
}

answers='ok    echo by TCP            answers the host
ok    echo by UDP            answers the host
ok    page by HTTP           answers the host
ok    scratch disk           what was written is in its file
ok    memory size            '
qemu-img create -q -f qcow2 "$work/disk.qcow2" 64M

command microvm 0 "$answers" --timeout 100
command q35 0 "$answers
ok    hardware address       52:54:00:aa:bb:cc, as asked for
ok    disk vda               is $work/plain
ok    disk vdb               is $work/disk.qcow2" \
	--timeout 100 --machine q35 -m 300 --mac 52:54:00:AA:BB:CC --disk "$work/plain,ro" --disk "$work/disk.qcow2,format=qcow2"
command pc 0 'ok    processors             4, 4 asked for
skip  net                    ' --machine pc --cpus 4 --net none
command wrong-clock 1 'FAIL  clock and pit ' --net none --kernel-arg tsc=2000000
command timeout 123 '' --timeout 0.2

if wanted image; then
	./capuchin build --selftest -o "$work/image.iso" >"$work/qemu" 2>&1 &&
		kernel= run - -accel tcg -M q35 -cdrom "$work/image.iso"
	expect image 0 '^selftest: boot=multiboot2$' '^selftest: result=ok '
fi
finish
