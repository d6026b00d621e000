#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Devices of QEMU on every bus, transport and kind of ring that it has: the tree that `devices` prints, disks with and without
# partitions, disks that fail, the root on a disk.
#
#	devices.sh [--only PATTERN]
set -u
cd "$(dirname "$0")/../.."
. scripts/result.sh

only='*'
[ "${1-}" != --only ] || only=$2
kernel=build/capuchin.elf
work=$(mktemp -d "${TMPDIR:-/tmp}/capuchin-devices.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

mkdir -p "$work/root.root" "$work/busybox.root"
cp build/guest/musl/disk "$work/root.root/init"
cp /bin/busybox "$work/busybox.root/init"
for image in root busybox; do
	mkfs.erofs --all-root -T 0 "$work/$image" "$work/$image.root" >/dev/null 2>&1
done
head -c 8M /dev/urandom >"$work/random"

wanted()
{
	# shellcheck disable=SC2254
	case $1 in
	$only) return 0 ;;
	*) return 1 ;;
	esac
}

# run QEMU ARGUMENT...: the console to $work/console, the status of the record to $status.
run()
{
	: >"$work/console"
	timeout --kill-after=5 60 qemu-system-x86_64 -accel tcg -cpu max -m "${memory:-128}" -display none -nodefaults -no-user-config \
		-nic none -no-reboot -serial "file:$work/console" -kernel $kernel "$@" </dev/null >"$work/qemu" 2>&1
	status=$(grep -ao 'capuchin;exit=[0-9]*' "$work/console" | tail -n 1 | cut -d= -f2)
}

# expect NAME STATUS TEXT: what run left behind.
expect()
{
	if [ "${status:-none}" = "$2" ] && grep -aq -e "$3" "$work/console"; then
		pass "$1"
		return
	fi
	fail "$1" "status ${status:-none}, want $2 and '$3'"
	tail -n 12 "$work/console" "$work/qemu" | tr -cd '\11\12\40-\176' | cut -c1-200 | sed 's/^/    /'
}

drive='if=none,id=disk,format=raw,discard=unmap'

# disk NAME MACHINE QEMU OPTION...: the whole of disk.c on a disk, and what it left there.
disk()
{
	name=disk-$1 machine=$2
	shift 2
	wanted "$name" || return 0
	cp "$work/random" "$work/disk"
	run -M "$machine" -initrd "$work/root" -append 'loglevel=5 -- /dev/vda writable' -drive "$drive,file=$work/disk" "$@"
	if [ "$(dd if="$work/disk" bs=1 skip=5000 count=14 2>/dev/null)" = 'end of program' ]; then
		expect "$name" 0 'ok disk'
	else
		fail "$name" "what was written is not on the disk (status ${status:-none})"
	fi
}

mmio='-device virtio-blk-device,drive=disk'
modern='-global virtio-mmio.force-legacy=off'
pci='-device virtio-blk-pci,drive=disk'
port='-device pcie-root-port,id=rp,chassis=1'

# shellcheck disable=SC2086
{
	disk mmio-legacy microvm,acpi=off $mmio
	disk mmio microvm,acpi=off $modern $mmio
	disk mmio-packed microvm,acpi=off $modern $mmio,packed=on
	disk mmio-acpi microvm $modern $mmio
	disk mmio-acpi-one-ioapic microvm,ioapic2=off $mmio
	disk microvm-pcie microvm,pcie=on $pci
	disk microvm-pcie-port microvm,pcie=on $port $pci,bus=rp
	for machine in q35 pc; do
		disk $machine $machine $pci
		disk $machine-legacy $machine $pci,disable-modern=on
		disk $machine-modern $machine $pci,disable-legacy=on
		disk $machine-packed $machine $pci,packed=on
		disk $machine-packed-plain $machine $pci,packed=on,indirect_desc=off,event_idx=off
		disk $machine-no-events $machine $pci,event_idx=off
		disk $machine-no-tables $machine $pci,indirect_desc=off
		disk $machine-line $machine $pci,vectors=0
		disk $machine-line-legacy $machine $pci,vectors=0,disable-modern=on
		disk $machine-one-message $machine $pci,vectors=1
	done
	disk q35-port q35 $port $pci,bus=rp
	disk q35-small-queue q35 $pci,queue-size=8,seg-max-adjust=off
	disk q35-blocks-of-4096 q35 $pci,logical_block_size=4096,physical_block_size=4096
	disk q35-no-x2apic q35 $pci -cpu max,-x2apic
	disk pc-bridge-line pc -device pci-bridge,id=bridge,chassis_nr=3 $pci,bus=bridge,vectors=0
	memory=24 disk little-memory q35 $pci
}

# --- other disks ----------------------------------------------------------------------------------

if wanted disk-read-only; then
	run -M q35 -initrd "$work/root" -append '-- /dev/vda read-only' -drive "$drive,file=$work/random,readonly=on" $pci
	expect disk-read-only 0 'ok disk'
fi
if wanted disk-broken; then
	cat >"$work/blkdebug" <<-END
		[inject-error]
		event = "read_aio"
		errno = "5"
		sector = "128"
		once = "off"
	END
	run -M q35 -initrd "$work/root" -append '-- /dev/vda broken' \
		-drive "if=none,id=disk,format=raw,file.driver=blkdebug,file.config=$work/blkdebug,file.image.filename=$work/random" \
		-device virtio-blk-pci,drive=disk,rerror=report,werror=report
	expect disk-broken 0 'ok disk'
fi

# sum NAME DEVICE WANTED QEMU OPTION...: what the guest reads from a device has this SHA-256.
sum()
{
	name=$1 device=$2 sum=$3
	shift 3
	wanted "$name" || return 0
	run -M q35 -initrd "$work/busybox" -append "argv0=sha256sum -- $device" "$@"
	expect "$name" 0 "^$sum  $device"
}

# part FILE START COUNT: the SHA-256 of blocks of 512 bytes.
part()
{
	dd if="$1" bs=512 skip="$2" count="$3" 2>/dev/null | sha256sum | cut -d' ' -f1
}

two="-drive if=none,id=d1,format=raw,file=$work/random -device virtio-blk-pci,drive=d1
	-drive if=none,id=d2,format=raw,file=$work/table -device virtio-blk-pci,drive=d2"
cp "$work/random" "$work/table"
dd if=/dev/zero of="$work/table" bs=1M count=1 conv=notrunc 2>/dev/null
printf 'label: dos\nstart=2048,size=2048\nstart=5000,size=8000,type=5\nstart=6000,size=1000\nstart=8000,size=1500\n' |
	sfdisk -q "$work/table" >/dev/null 2>&1
# shellcheck disable=SC2086
{
	sum disk-second /dev/vdb "$(sha256sum <"$work/table" | cut -d' ' -f1)" $two
	sum partition-mbr /dev/vdb1 "$(part "$work/table" 2048 2048)" $two
	sum partition-logical /dev/vdb6 "$(part "$work/table" 8000 1500)" $two
}
cp "$work/random" "$work/table"
printf 'label: gpt\nstart=2048,size=2000\nstart=5000,size=1000\n' | sfdisk -q "$work/table" >/dev/null 2>&1
# shellcheck disable=SC2086
sum partition-gpt /dev/vdb2 "$(part "$work/table" 5000 1000)" $two
dd if=/dev/zero of="$work/table" bs=512 seek=1 count=1 conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
sum partition-gpt-copy /dev/vdb1 "$(part "$work/table" 2048 2000)" $two

# A disk that is larger than memory.
if wanted disk-larger-than-memory; then
	truncate -s 96M "$work/large"
	printf 'the end' | dd of="$work/large" bs=1 seek=100000000 conv=notrunc 2>/dev/null
	memory=32 sum disk-larger-than-memory /dev/vda "$(sha256sum <"$work/large" | cut -d' ' -f1)" \
		-drive "$drive,file=$work/large" $pci
fi

# --- the root on a disk ---------------------------------------------------------------------------

# root NAME STATUS TEXT PARAMETERS IMAGE QEMU OPTION...
root()
{
	name=root-$1 want=$2 text=$3 parameters=$4 image=$5
	shift 5
	wanted "$name" || return 0
	run -M q35 -append "$parameters" -drive "$drive,file=$image,readonly=on" "$@"
	expect "$name" "$want" "$text"
}

# shellcheck disable=SC2086
{
	root disk 0 '^hello' 'root=/dev/vda argv0=echo -- hello' "$work/busybox" $pci
	root lists 0 ' init ' 'root=/dev/vda argv0=ls -- /' "$work/busybox" $pci
	root absent 124 'no such disk' 'root=/dev/vdb' "$work/busybox" $pci
	root rubbish 124 'not an EROFS image' 'root=/dev/vda' "$work/random" $pci
	head -c 4096 "$work/busybox" >"$work/cut"
	root cut-short 124 'damaged' 'root=/dev/vda' "$work/cut" $pci
}
cp "$work/random" "$work/table"
printf 'label: gpt\nstart=4096,size=8192,uuid=01234567-89ab-cdef-0123-456789abcdef\n' | sfdisk -q "$work/table" >/dev/null 2>&1
dd if="$work/busybox" of="$work/table" bs=512 seek=4096 conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
{
	root partition 0 '^hello' 'root=/dev/vda1 argv0=echo -- hello' "$work/table" $pci
	root partuuid 0 '^hello' 'root=PARTUUID=01234567-89AB-CDEF-0123-456789ABCDEF argv0=echo -- hello' "$work/table" $pci
}

# --- the tree -------------------------------------------------------------------------------------

# tree NAME TEXT QEMU OPTION...
tree()
{
	name=tree-$1 text=$2
	shift 2
	wanted "$name" || return 0
	run -append devices "$@"
	expect "$name" 0 "$text"
}

# shellcheck disable=SC2086
{
	tree nothing '^.*exit=0' -M microvm,acpi=off
	tree mmio '^virtio-mmio 0xfeb00e00 irq 12 block .*\[virtio-blk\] vda 8192 KiB' -M microvm,acpi=off -drive "$drive,file=$work/random" $mmio
	tree pci '^  pci 0000:00:01.0 1af4:1001 .*\[virtio-blk\] vda 8192 KiB' -M q35 -drive "$drive,file=$work/random" $pci
	tree behind '^    pci 0000:01:00.0 1af4:1042 .*vda' -M q35 $port -drive "$drive,file=$work/random" $pci,bus=rp
	tree pci-off '^.*exit=0' -M q35 -append 'devices pci=off'
}
finish
