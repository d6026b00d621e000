#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command with other VMMs than QEMU. First with scripts in their places, which tell what they were given; then with the real
# ones, where they are installed and KVM is there. Run from the root of the tree: tests/cli/test_vmms.sh [CAPUCHIN].
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
. "$tree/scripts/result.sh"
capuchin=$(realpath "${1:-$tree/capuchin}")
real_path=$PATH
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL $pid 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1
mkdir tmp fake none
export TMPDIR="$work/tmp" CAPUCHIN_KERNEL="$tree/build/capuchin.elf" GIVEN="$work/given"

# check NAME STATUS PATTERN COMMAND...: the command ends with STATUS, PATTERN is in a line of its output or errors ('' matches).
check()
{
	name=$1 status=$2 pattern=$3
	shift 3
	timeout "${patience:-60}" "$@" >out 2>err </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		fail "$name" "status $got, not $status: $(head -c 300 err)"
	elif [ -n "$pattern" ] && ! cat out err | grep -aq -e "$pattern"; then
		fail "$name" "no line has '$pattern'"
	else
		pass "$name"
	fi
}

# What the command says where the processor has no vmx or svm, of each program that KVM runs.
emulates='^capuchin: this KVM has no hardware virtualisation: programs may not run$'

# Like check, and standard error is exactly one line "capuchin: ...", besides that.
check_line()
{
	check "$@"
	sed -i "/$emulates/d" err
	if [ "$(wc -l <err)" -ne 1 ] || ! grep -q '^capuchin: ' err; then
		fail "$1, in one line" "$(head -c 300 err)"
	fi
}

seen() # NAME PATTERN: it is also in a line of what the last check gave
{
	if cat out err | grep -aq -e "$2"; then pass "$1"; else fail "$1" "no line has '$2'"; fi
}

expect() # NAME WANTED GOT
{
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "'$3', not '$2'"; fi
}

cat >hello.c <<'C'
#include <stdio.h>
int main(void) { puts("hello"); return 7; }
C
gcc -O1 -static -o hello hello.c || exit 1
head -c 1048576 /dev/zero >a.img
head -c 1048576 /dev/zero >b.img

# --- usage
check 'unknown VMM' 2 'firecracker, cloud-hypervisor' "$capuchin" run --vmm bochs ./hello
check 'unknown VMM to build for' 2 'firecracker, cloud-hypervisor' "$capuchin" build --for auto -o x ./hello
check 'no processor' 2 '1 to 32' "$capuchin" run --cpus 0 ./hello
check 'too many processors' 2 '1 to 32' "$capuchin" run --cpus 33 ./hello
check 'balloon of no size' 2 'balloon' "$capuchin" run --balloon much ./hello
check 'balloon of all memory' 2 'leaves nothing' "$capuchin" run --balloon 64M -m 64 ./hello
check 'balloon of all memory where none is given' 2 'leaves nothing' "$capuchin" run --balloon 128 ./hello
check 'balloon of all memory in a directory' 2 'leaves nothing' "$capuchin" build -o x --for qemu --balloon 65M -m 64 ./hello
check_line 'vsock in a directory that is not there' 1 'nowhere/v.sock: its directory: No such file' \
	"$capuchin" run --vsock nowhere/v.sock ./hello
check 'metadata without Firecracker' 2 "Firecracker's" "$capuchin" run --metadata x ./hello
check 'machine in an image' 2 'see --for' "$capuchin" build -o x.iso -m 64 ./hello
check 'nameless tap to build for' 2 'tap=NAME' "$capuchin" build -o x --for firecracker --net tap ./hello
check_line 'TCG on Firecracker' 1 'firecracker has no --accel tcg' "$capuchin" run --vmm firecracker --accel tcg ./hello
check_line "QEMU's machine on Cloud Hypervisor" 1 'no --machine' "$capuchin" run --vmm cloud-hypervisor --machine pc ./hello
check_line "QEMU's network on Firecracker" 1 'no --net user' "$capuchin" run --vmm firecracker --net user ./hello
check_line 'AF_VSOCK on libkrun' 1 'no --vsock .*docs/libkrun.md' "$capuchin" run --vmm libkrun --vsock v ./hello
check_line 'PCI on Cloud Hypervisor' 1 'no --pci' "$capuchin" run --vmm cloud-hypervisor --pci ./hello

# --- directories
check 'directory for Firecracker' 0 '' "$capuchin" build -o app --for firecracker -m 64 --cpus 2 --disk a.img,iops=9 --vsock v.sock \
	--net tap=tap9 --ip 10.9.0.2/24,gw=10.9.0.1 ./hello a
expect 'its files' 'README capuchin.elf config.json root.img run.sh' "$(ls app | tr '\n' ' ' | sed 's/ $//')"
check 'its kernel' 0 '' cmp "$CAPUCHIN_KERNEL" app/capuchin.elf
for line in '"kernel_image_path": "capuchin.elf"' '"initrd_path": "root.img"' '"vcpu_count": 2' '"mem_size_mib": 64' \
	'"host_dev_name": "tap9"' '"uds_path": "v.sock"' '"size": 9' '"entropy": {}' "\"path_on_host\": \"$work/a.img\""; do
	check "its configuration has $line" 0 "$line" cat app/config.json
done
check 'the kernel is told the address' 0 ' ip=10.9.0.2::10.9.0.1:255.255.255.0:' cat app/config.json
for vmm in qemu cloud-hypervisor; do
	check "directory for $vmm" 0 '' "$capuchin" build -o "app-$vmm" --for $vmm ./hello
	check "its script names the kernel" 0 'capuchin.elf' cat "app-$vmm/run.sh"
	check "its script is one" 0 '' sh -n "app-$vmm/run.sh"
done
# The script chooses the accelerator where it runs: as a host whose processor has what KVM wants, and as one without.
mkdir accel with without
printf '#!/bin/sh\necho "$@"\n' >accel/qemu-system-x86_64
printf '#!/bin/sh\nexit 0\n' >with/grep
printf '#!/bin/sh\nexit 1\n' >without/grep
chmod +x accel/* with/grep without/grep
accel='-accel tcg'
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then accel='-accel kvm -accel tcg'; fi
check "its script takes TCG without virtualisation" 0 "reserve=off -accel tcg -cpu" env PATH="$work/without:$work/accel:$PATH" app-qemu/run.sh
check "its script takes KVM with virtualisation" 0 "reserve=off $accel -cpu" env PATH="$work/with:$work/accel:$PATH" app-qemu/run.sh
check 'directory for TCG' 0 '' "$capuchin" build -o app-tcg --for qemu --accel tcg ./hello
check 'its script asks nothing' 0 'reserve=off -accel tcg -cpu max -m' env PATH="$work/accel:$PATH" app-tcg/run.sh
check 'directory for libkrun' 0 '' "$capuchin" build -o app-libkrun --for libkrun ./hello
check 'its program starts the kernel' 0 'krun_set_kernel(ctx, "capuchin.elf"' cat app-libkrun/run.c
check_line 'directory that is a file' 1 'Not a directory' "$capuchin" build -o hello.c --for firecracker ./hello
check_line 'disk that is missing' 1 'No such file' "$capuchin" build -o failed --for firecracker --disk missing ./hello
expect 'a failed build leaves nothing' '' "$(ls -d failed 2>/dev/null)"
if command -v qemu-system-x86_64 >/dev/null; then
	check 'the script runs the program' 0 'hello' app-qemu/run.sh
	seen 'and its status arrives' 'capuchin;exit=7'
else
	skip 'the script runs the program' 'QEMU is not installed'
fi

# --- VMMs that are scripts: the configuration or the words land in $GIVEN; they run until they are killed where there is a file wait
cat >fake/firecracker <<'S'
#!/bin/sh
[ "$1" != --version ] || { echo "Firecracker v${FAKE_VERSION:-1.14.1}"; exit; }
for word; do
	[ "${previous-}" != --config-file ] || cat "$word" >"$GIVEN"
	previous=$word
done
initrd=$(sed -n 's/.*"initrd_path": "\(.*\)".*/\1/p' "$GIVEN")
wc -c <"$initrd" >"$GIVEN.size"
echo "$@" >"$GIVEN.words"
printf 'hello\n'
while [ -e wait ]; do sleep 0.05; done
printf '\033_capuchin;exit=5\033\\'
S
cat >fake/cloud-hypervisor <<'S'
#!/bin/sh
[ "$1" != --version ] || { echo "cloud-hypervisor v${FAKE_VERSION:-54.0.0}"; exit; }
printf '%s\n' "$@" >"$GIVEN"
tty <&0 >"$GIVEN.tty"
echo 'it is not so' >&2
printf 'hello\n\033_capuchin;exit=6\033\\'
S
chmod +x fake/*
export PATH="$work/fake:$real_path"

# Whether a virtual machine can be made at all is asked before any VMM is started.
kvm_there()
{
	[ -r /dev/kvm ] && [ -w /dev/kvm ]
}

wait_while() # COMMAND...: it succeeds, or five seconds are over
{
	tries=50
	while "$@" >/dev/null 2>&1 && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; done
}

start_waiting() # OPTION...: the command with a Firecracker that runs
{
	: >out
	: >wait
	"$capuchin" run --vmm firecracker "$@" ./hello >>out 2>err </dev/null &
	pid=$!
	while ! grep -q hello out && kill -0 $pid 2>/dev/null; do sleep 0.05; done
}

if kvm_there; then
	check 'status arrives from Firecracker' 5 '^hello' "$capuchin" run --vmm firecracker ./hello
	expect 'and no record' hello "$(cat out)"
	check 'it is told the line' 0 '"boot_args": "seed=[0-9a-f]* wall=[0-9]* init=' cat given
	expect 'the root image is complete' yes "$([ "$(cat given.size)" -ge "$(stat -c %s hello)" ] && echo yes)"
	check '-v tells VMM, version, accelerator and protocol' 5 'accelerator kvm, .* boot protocol PVH' \
		"$capuchin" run -v --vmm firecracker ./hello
	seen 'version' 'firecracker: Firecracker v1.14.1'
	check '-v tells the protocol of an old one' 5 'boot protocol Linux 64-bit' \
		env FAKE_VERSION=1.11.0 "$capuchin" run -v --vmm firecracker ./hello
	check_line 'Firecracker too old' 1 '1.2 is too old; 1.4 or later' \
		env FAKE_VERSION=1.2.3 "$capuchin" run --vmm firecracker --entropy ./hello
	check_line 'Firecracker too old for PCI' 1 '1.13 or later is needed for --pci' \
		env FAKE_VERSION=1.12.0 "$capuchin" run --vmm firecracker --pci ./hello
	check_line 'metadata without a network' 1 'needs a network' "$capuchin" run --vmm firecracker --metadata a.img ./hello
	check_line 'line too long for Firecracker' 1 'Firecracker takes' \
		"$capuchin" run --vmm firecracker --kernel-arg "$(head -c 2000 /dev/zero | tr '\0' k)" ./hello
	check 'status arrives from Cloud Hypervisor' 6 '^hello' "$capuchin" run --vmm cloud-hypervisor --disk a.img,ro --disk b.img ./hello
	expect 'its warnings are not shown' '' "$(grep -v "$emulates" err)"
	warned=1
	! grep -qwE 'vmx|svm' /proc/cpuinfo || warned=0
	expect 'what KVM cannot do here is told once' $warned "$(grep -c "$emulates" err)"
	check 'its disks' 0 'path="a.img",readonly=on,image_type=raw' cat given
	check 'its input is a terminal' 0 '^/dev/' cat given.tty
	check_line 'Cloud Hypervisor too old' 1 'is too old' \
		env FAKE_VERSION=15.0 "$capuchin" run --vmm cloud-hypervisor --disk a.img ./hello
	check 'it is told with -v' 5 '' "$capuchin" run -v --vmm firecracker ./hello
	expect 'and once there too' $warned "$(grep -c "$emulates" err)"
	check 'devices are listed without that' 5 '' "$capuchin" run --vmm firecracker --devices
	expect 'it is about programs' 0 "$(grep -c "$emulates" err)"
	for signal in 15 2 9; do
		start_waiting
		kill -$signal $pid
		wait $pid 2>/dev/null
		got=$? pid=
		expect "signal $signal ends the command" $((128 + signal)) $got
		wait_while pgrep -f "$work/fake/firecracker"
		expect "and Firecracker with it" '' "$(pgrep -f "$work/fake/firecracker")"
	done
	rm -f wait
	expect 'nothing is left in TMPDIR' '' "$(ls -A tmp)"
	check 'VMM that is missing' 1 'put a release' env PATH="$work/none" "$capuchin" run --vmm firecracker ./hello
	check 'library that is missing' 1 'libkrun' env LD_LIBRARY_PATH="$work/none" "$capuchin" run --vmm libkrun --vsock x ./hello
else
	skip 'VMMs that are scripts' 'no /dev/kvm here'
fi
check 'auto takes what there is' 0 'auto: ' env PATH="$real_path" "$capuchin" run -v --vmm auto --devices

# --- taps
tap_given() { sed -n 's/.*"host_dev_name": "\(.*\)".*/\1/p' given; }

tap_goes() # NAME TAP
{
	wait_while ip link show "$2"
	expect "$1" gone "$(ip link show "$2" >/dev/null 2>&1 || echo gone)"
}

if ! kvm_there; then
	skip 'taps' 'no /dev/kvm here'
elif [ "$(id -u)" -ne 0 ] || [ ! -w /dev/net/tun ]; then
	skip 'taps' 'only root can make them'
	check_line 'tap that cannot be made' 1 'cannot make a tap.*only root' "$capuchin" run --vmm firecracker --net tap ./hello
elif ! command -v ip >/dev/null; then
	skip 'taps' 'the command ip is missing'
else
	start_waiting -v --net tap -p 127.0.0.1:18475:80
	tap=$(tap_given)
	check 'a tap is made' 0 "inet 10.213" ip addr show "$tap"
	check 'the kernel is told of it' 0 ' ip=10.213.[0-9.]*::10.213.[0-9.]*:255.255.255.252:' cat given
	check_line 'port twice' 1 'port 18475 of the host at 127.0.0.1: Address already in use' \
		"$capuchin" run --vmm firecracker -p 127.0.0.1:18475:80 ./hello
	rm -f wait
	wait $pid
	expect 'the machine with a tap ends' 5 $?
	pid=
	tap_goes 'the tap is removed' "$tap"
	check 'PCI, metadata, boot timer' 5 '' "$capuchin" run -v --vmm firecracker --pci --net tap --metadata a.img ./hello
	check 'they are told' 0 '--level Info --boot-timer --enable-pci --metadata a.img' cat given.words
	check 'self-test with metadata' 5 '' "$capuchin" selftest --vmm firecracker --net tap --metadata a.img
	check 'it is to ask for them' 0 '"boot_args": .* selftest.metadata' cat given
	# In a network namespace, whose interfaces /sys does not show there.
	if unshare -n true 2>/dev/null; then
		check 'a tap that is there is taken' 5 '^hello' unshare -n sh -c \
			'ip tuntap add dev given9 mode tap && exec "$@"' - "$capuchin" run --vmm firecracker --net tap=given9 ./hello
		check 'and it is told' 0 '"host_dev_name": "given9"' cat given
		check_line 'a tun is no tap' 1 'given9: is not a tap' unshare -n sh -c \
			'ip tuntap add dev given9 mode tun && exec "$@"' - "$capuchin" run --vmm firecracker --net tap=given9 ./hello
	else
		skip 'a tap that is there is taken' 'no rights to make a network namespace'
	fi
	for signal in 15 9; do
		start_waiting --net tap
		kill -$signal $pid
		wait $pid 2>/dev/null
		pid=
		tap_goes "the tap is removed after signal $signal" "$(tap_given)"
	done
	rm -f wait
fi

# --- the real ones: their devices are listed, which every KVM can; and small kernels of the tests' own (kernel_*.S)
for kernel in echo hang; do
	gcc -m64 -c -o $kernel.o "$here/kernel_$kernel.S" &&
		ld -m elf_x86_64 -z max-page-size=4096 --no-warn-rwx-segments -Ttext-segment=0x100000 -e start -o $kernel.elf $kernel.o || exit 1
done
head -c 20000 /dev/urandom >random
echo '{ "latest": { "name": 1 } }' >data.json
export PATH="$real_path"
for vmm in firecracker cloud-hypervisor; do
	if ! command -v $vmm >/dev/null; then
		skip "$vmm" 'not found in PATH'
		continue
	elif ! kvm_there; then
		skip "$vmm" 'no /dev/kvm here'
		continue
	fi
	safe='--kernel-arg noxsave --kernel-arg nosmap'
	check "$vmm boots" 0 'one of them in use' "$capuchin" run -v --timeout 50 --vmm $vmm --cpus 2 $safe --devices
	check "$vmm has disks" 0 'vdb 1024 KiB read-only' \
		"$capuchin" run --timeout 50 --vmm $vmm $safe --disk a.img --disk b.img,ro,bps=1M --entropy --balloon 0 --devices
	for device in virtio-rng virtio-balloon; do
		seen "$vmm has $device" "$device"
	done
	CAPUCHIN_KERNEL="$work/echo.elf" timeout 60 "$capuchin" run --vmm $vmm ./hello <random >out 2>err
	expect "input of all values arrives by $vmm" 0 $?
	if cmp -s random out; then pass "$vmm gives input back unchanged"; else fail "$vmm gives input back unchanged"; fi
	CAPUCHIN_KERNEL="$work/hang.elf" check_line "timeout on $vmm" 123 'timeout' "$capuchin" run --vmm $vmm --timeout 1 ./hello
	[ $vmm = cloud-hypervisor ] || check "$vmm has PCI" 0 'pci .*virtio-blk' \
		"$capuchin" run --timeout 50 --vmm $vmm --pci $safe --disk a.img --devices
	if [ $vmm = cloud-hypervisor ]; then
		:
	elif [ "$(id -u)" -eq 0 ] && [ -w /dev/net/tun ] && command -v ip >/dev/null; then
		patience=310
		check "$vmm tells metadata" 0 '^ok *metadata  *2 of 2 strings' \
			"$capuchin" selftest --vmm $vmm $safe --net tap --metadata data.json --disk a.img,ro,iops=100
		patience=
	else
		skip "$vmm tells metadata" 'only root can make a tap'
	fi
	if grep -qE '^flags.* (vmx|svm)' /proc/cpuinfo; then
		check "$vmm runs a program" 7 '^hello' "$capuchin" run --timeout 50 --vmm $vmm ./hello
	else
		skip "$vmm runs a program" 'KVM emulates kernel mode only: no hardware virtualisation here'
	fi
done
finish
