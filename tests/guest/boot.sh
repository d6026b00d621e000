#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Boots the kernel on QEMU itself, without the command: other machines, processors, memory sizes and kernel parameters, the ISO
# on BIOS and UEFI, and boots that must fail. Each must end, within 30 seconds, with the status and text expected; the status is
# taken from the record of core/status.h.
#
#	boot.sh [--only PATTERN]
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || only=$2
kernel=${CAPUCHIN_KERNEL:-build/capuchin.elf}
programs=build/guest
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-boot.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM
boot_failed=124

# image NAME: the directory $work/NAME.root as $work/NAME.
image()
{
	mkfs.erofs --all-root -T 0 "$work/$1" "$work/$1.root" >/dev/null 2>&1
}

mkdir -p "$work/good.root/directory"
cp $programs/musl/hello "$work/good.root/init"
cp $programs/glibc/hello "$work/good.root/glibc"
for program in sigregs fpu sigtimer mmap identity clocks; do
	cp $programs/glibc/$program "$work/good.root/$program"
done
echo '#!/bin/sh' >"$work/good.root/script"
: >"$work/good.root/empty"
chmod +x "$work/good.root/script" "$work/good.root/empty"
head -c 5000 $programs/musl/hello >"$work/good.root/short"
head -c 40 $programs/musl/hello >"$work/good.root/header"
chmod +x "$work/good.root/short" "$work/good.root/header"
# The same with another class (32 bits), machine (AArch64) and type (relocatable).
for change in 'class 4 \001' 'arm 18 \267' 'object 16 \001' 'entry 24 \377\377\377\377\377\377\377\377' 'phnum 56 \377\377' \
	'phoff 32 \377\377\377\377\377\377\377\377'; do
	# shellcheck disable=SC2086
	set -- $change
	cp $programs/musl/hello "$work/good.root/$1"
	# shellcheck disable=SC2059
	printf "$3" | dd of="$work/good.root/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
done
cp /bin/true "$work/good.root/dynamic"
image good
mkdir -p "$work/hello.root"
cp $programs/musl/hello "$work/hello.root/init"
cp $programs/glibc/hello "$work/hello.root/glibc"
strip "$work/hello.root/init" "$work/hello.root/glibc"
image hello
mkdir -p "$work/bare.root/etc"
image bare
# Damaged images: no superblock, a wrong root, rubbish throughout, cut short.
cp "$work/good" "$work/zeroed"
dd if=/dev/zero of="$work/zeroed" bs=1024 seek=1 count=1 conv=notrunc 2>/dev/null
cp "$work/good" "$work/rootless"
printf '\377\377' | dd of="$work/rootless" bs=1 seek=$((1024 + 14)) conv=notrunc 2>/dev/null
cp "$work/good" "$work/rubbish"
"$programs/musl/filter" make 8000 | dd of="$work/rubbish" bs=1 seek=$((1024 + 128)) conv=notrunc 2>/dev/null
head -c 2048 "$work/good" >"$work/cut"
head -c 100000 "$work/good" >"$work/cut2"
: >"$work/nothing"

# run QEMU ARGUMENT...: sets $status (the record's, or why there is none) and leaves the console in $work/console.
run()
{
	: >"$work/console"
	timeout --kill-after=5 "${limit:-30}" qemu-system-x86_64 -accel tcg -display none -nodefaults -no-user-config -nic none \
		-no-reboot -serial "file:$work/console" "$@" </dev/null >"$work/qemu" 2>&1
	ended=$?
	status=$(grep -ao 'capuchin;exit=[0-9]*' "$work/console" | tail -n 1 | cut -d= -f2)
	case $ended in
	0) status=${status:-"none"} ;;
	124 | 137) status="none, it hangs" ;;
	*) status=${status:-"none, QEMU ended with $ended"} ;;
	esac
}

wanted()
{
	# shellcheck disable=SC2254
	case $1 in
	$only) return 0 ;;
	*) return 1 ;;
	esac
}

# boots NAME STATUS TEXT QEMU ARGUMENT...: the machine ends with this status and the text is on its console. STATUS may be
# several, separated by |.
boots()
{
	name=$1 want=$2 text=$3
	shift 3
	wanted "$name" || return 0
	run "$@"
	case "|$want|" in
	*"|$status|"*) ;;
	*)
		fail "$name" "status $status, want $want"
		tail -n 8 "$work/console" "$work/qemu" | tr -cd '\11\12\40-\176' | cut -c1-200 | sed 's/^/    /'
		return
		;;
	esac
	if [ -z "$text" ] || grep -aqi -e "$text" "$work/console"; then
		pass "$name"
	else
		fail "$name" "'$text' is not on the console"
		tail -n 8 "$work/console" | tr -cd '\11\12\40-\176' | cut -c1-200 | sed 's/^/    /'
	fi
}

microvm="-M microvm,acpi=off -cpu max -m 128"
hello="-kernel $kernel -initrd $work/hello -append"
with="-kernel $kernel -initrd $work/good -append"

# shellcheck disable=SC2086
{
	. tests/guest/boots.sh
}
finish
