# SPDX-License-Identifier: BSD-3-Clause
# The boots of boot.sh, which sources this.

# --- processors -----------------------------------------------------------------------------------

for cpu in qemu64 kvm64 core2duo Nehalem Westmere SandyBridge Haswell Skylake-Client Icelake-Server EPYC EPYC-Milan max \
	max,-xsave max,-avx,-avx2 max,-xsaveopt,-xsavec,-xsaves max,-x2apic max,-tsc-deadline max,-x2apic,-tsc-deadline \
	max,-smap,-smep,-umip max,-fsgsbase,-pcid max,-rdrand,-rdseed max,-invtsc max,-pdpe1gb max,-la57 max,+la57; do
	boots "cpu-$cpu" 0 'ok sigregs' -M microvm,acpi=off -cpu $cpu -m 128 $with 'init=/sigregs'
done
boots cpu-qemu64-clocks 0 'ok clocks' -M q35 -cpu qemu64 -m 128 $with 'init=/clocks'
boots cpu-pentium 'none|124' '' -M q35 -cpu pentium -m 128 $with 'init=/init'

# --- machines -------------------------------------------------------------------------------------

for machine in microvm microvm,acpi=on microvm,acpi=off,pit=off,rtc=on microvm,x-option-roms=off \
	q35 q35,hpet=off q35,pit=off q35,smm=off pc pc,hpet=off pc-q35-7.1 pc-i440fx-5.0; do
	boots "machine-$machine" 0 'ok clocks' -M $machine -cpu max -m 128 $with 'init=/clocks'
done
# No clock of its own, and none that tells the date.
boots machine-microvm-without-pit-pic-rtc 0 'ok sigtimer' -M microvm,acpi=off,pit=off,pic=off,rtc=off -cpu max -m 128 \
	$with 'init=/sigtimer'
boots machine-q35-timers 0 'ok sigtimer' -M q35 -cpu qemu64 -m 128 $with 'init=/sigtimer'
boots machine-four-cpus 0 'Hello, world!' -M q35 -smp 4 -cpu max -m 128 $with 'init=/init'
boots machine-four-cpus-microvm 0 'Hello, world!' -M microvm,acpi=off -smp 4 -cpu max -m 128 $with 'init=/init'
boots machine-no-acpi 0 'Hello, world!' -M pc -no-acpi -cpu max -m 128 $with 'init=/init'

# Without a serial port there is nothing to see, but the end comes.
silent()
{
	wanted "$1" || return 0
	timeout --kill-after=5 30 qemu-system-x86_64 -accel tcg -display none -nodefaults -no-user-config -nic none -no-reboot \
		-serial none $2 -cpu max -m 128 $with 'init=/init' </dev/null >"$work/qemu" 2>&1
	ended=$?
	if [ $ended -eq 0 ]; then pass "$1"; else fail "$1" "QEMU ended with $ended"; fi
}
silent no-serial-port-microvm '-M microvm,acpi=off,isa-serial=off'
silent no-serial-port-q35 '-M q35'
silent no-serial-port-pc '-M pc'

# --- memory ---------------------------------------------------------------------------------------

for size in 4 6 8 12; do # so little may be too little, but that is said
	boots "memory-$size-mib" '0|124|137' '' -M microvm,acpi=off -cpu max -m $size $hello 'init=/init'
done
for size in 16 24 32 64 512 1024 2048 3072 3583 4096 8192; do
	boots "memory-$size-mib" 0 'Hello, world!' -M microvm,acpi=off -cpu max -m $size $hello 'init=/glibc'
done
boots memory-16-mib-q35 0 'Hello, world!' -M q35 -cpu max -m 16 $hello 'init=/glibc'
boots memory-16-mib-pc 0 'Hello, world!' -M pc -cpu max -m 16 $hello 'init=/glibc'
boots memory-odd 0 'Hello, world!' -M microvm,acpi=off -cpu max -m size=33337K $hello 'init=/glibc'
for machine in microvm,acpi=off q35 pc; do
	boots "memory-64-gib-$machine" 0 'Hello, world!' -M $machine,memory-backend=m -cpu max -m 64G \
		-object memory-backend-ram,id=m,size=64G,reserve=off $hello 'init=/glibc'
done
boots memory-1-tib 0 'Hello, world!' -M q35,memory-backend=m -cpu max,phys-bits=46 -m 1T \
	-object memory-backend-ram,id=m,size=1T,reserve=off $hello 'init=/glibc'

# --- kernel parameters ----------------------------------------------------------------------------

for parameter in noxsave nosmap nosmep nox2apic nokaslr noapic clearcpuid=smap clearcpuid=xsave clearcpuid=295 clearcpuid=umip,smep \
	clearcpuid=absurd tsc=unstable tsc=reliable quiet debug loglevel=7 loglevel=banana norandmaps unknown=word seed=00 \
	'noxsave nosmap nosmep nox2apic nokaslr' 'virtio_mmio.device=4K@0xd0000000:5 reboot=k panic=1 pci=off root=/dev/vda rw'; do
	boots "parameter-$parameter" 0 'ok sigregs' $microvm $with "init=/sigregs $parameter"
done
boots parameter-noxsave-fpu 0 'ok fpu' $microvm $with 'init=/fpu noxsave'
boots parameter-debug-says-something 0 '\[capuchin\]' $microvm $with 'init=/init debug'
boots parameter-strace 0 'exit_group' $microvm $with 'init=/init strace=1'

# --- command lines --------------------------------------------------------------------------------

long=$(head -c 65000 /dev/zero | tr '\0' x)
boots cmdline-64-kib 0 'Hello, world!' $microvm $with "init=/init x=$long"
boots cmdline-64-kib-of-words 0 'Hello, world!' $microvm $with "init=/init $(seq 1 11000 | tr '\n' ' ')"
boots cmdline-64-kib-of-arguments '0|7|124' '' $microvm $with "init=/init -- $long"
boots cmdline-64-kib-of-quotes '0|124' '' $microvm $with "init=/init $(echo "$long" | tr x '"')"
boots cmdline-unbalanced-quote '0|124' '' $microvm $with 'init=/init "a b'
boots cmdline-quoted-init 0 'Hello, world!' $microvm $with '"init=/init" "x y"=z'
boots cmdline-empty '0' 'Hello, world!' $microvm -kernel $kernel -initrd $work/good -append ''
boots cmdline-none '0' 'Hello, world!' $microvm -kernel $kernel -initrd $work/good
boots cmdline-spaces 0 'Hello, world!' $microvm $with "   	init=/init		"
boots cmdline-bytes 0 'Hello, world!' $microvm $with "init=/init $(printf '\001\200\377=\376') = == =x"

# --- boots that fail, and say why -----------------------------------------------------------------

image_is()
{
	echo "-kernel $kernel -initrd $work/$1 -append"
}
boots no-initrd $boot_failed 'initrd' $microvm -kernel $kernel -append 'init=/init'
boots empty-initrd $boot_failed 'initrd' $microvm $(image_is nothing) 'init=/init'
boots image-without-superblock $boot_failed 'initrd\|image\|EROFS' $microvm $(image_is zeroed) 'init=/init'
boots image-without-root $boot_failed 'initrd\|image\|EROFS\|init' $microvm $(image_is rootless) 'init=/init'
boots image-of-rubbish $boot_failed 'initrd\|image\|EROFS\|init' $microvm $(image_is rubbish) 'init=/init'
boots image-cut-short $boot_failed 'initrd\|image\|EROFS\|init' $microvm $(image_is cut) 'init=/init'
boots image-cut-short-later '124|135|137' 'initrd\|image\|EROFS\|init\|signal' $microvm $(image_is cut2) 'init=/sigregs'
boots no-init $boot_failed 'init' $microvm $(image_is bare) 'quiet'
boots init-absent $boot_failed '/absent' $microvm $with 'init=/absent'
for file in directory script empty short header class arm object phnum phoff dynamic; do
	boots "init-is-$file" $boot_failed "/$file" $microvm $with "init=/$file"
done
boots init-enters-nowhere '139|124' '' $microvm $with 'init=/entry'
boots init-through-file $boot_failed 'init' $microvm $with 'init=/init/x'
boots init-relative '0|124' '' $microvm $with 'init=init'
boots args-file-absent $boot_failed '/absent' $microvm $with 'init=/init args=/absent'
boots env-file-absent $boot_failed '/absent' $microvm $with 'init=/init env=/absent'

# --- the ISO --------------------------------------------------------------------------------------

if wanted iso-bios || wanted iso-uefi; then
	if ./capuchin build -o "$work/hello.iso" -e T_ISO=1 -- $programs/glibc/args one 'two three' >"$work/build" 2>&1; then
		limit=90
		boots iso-bios 0 'argument <two three>' -M pc -cpu max -m 256 -cdrom "$work/hello.iso"
		boots iso-bios-q35 0 'variable <T_ISO=1>' -M q35 -cpu qemu64 -m 256 -cdrom "$work/hello.iso"
		if [ -f /usr/share/ovmf/OVMF.fd ]; then
			boots iso-uefi 0 'argument <two three>' -M q35 -cpu max -m 256 -bios /usr/share/ovmf/OVMF.fd \
				-cdrom "$work/hello.iso"
		else
			skip iso-uefi 'the package ovmf is not installed'
		fi
		boots iso-as-disk 0 'argument <one>' -M pc -cpu max -m 256 -hda "$work/hello.iso"
		limit=
	else
		fail iso "cannot be built: $(tail -n 1 "$work/build")"
	fi
fi
