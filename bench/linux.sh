# SPDX-License-Identifier: BSD-3-Clause
# To be sourced, from the project's root: a Linux guest to compare with, Debian's kernel for clouds, and initial file systems for it.

# The path of the kernel's image; fetched from Debian's mirror once, not installed. Fails, with the reason on stderr, where that is not possible.
linux_kernel()
{
	directory=build/peer/linux
	if ! ls $directory/boot/vmlinuz-* >/dev/null 2>&1; then
		package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
		[ -n "$package" ] || { echo "apt knows no linux-image-cloud-amd64" >&2; return 1; }
		rm -rf $directory
		mkdir -p $directory
		(cd $directory && apt-get -qq download "$package" 2>/dev/null && dpkg-deb -x "$package"_*.deb . && rm -f ./*.deb) ||
			{ rm -rf $directory; echo "$package cannot be downloaded" >&2; return 1; }
	fi
	ls $directory/boot/vmlinuz-*
}

# linux_initrd FILE DIRECTORY: an initial root for Linux with the directory's content, /init among it, and a console.
linux_initrd()
{
	mkdir -p "$2/dev" "$2/proc" "$2/tmp"
	(cd "$2" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$1"
}

# linux_devices DIRECTORY: puts what the first process of bench/linux_init.c wants into it: itself, and the modules of virtio's network and disks.
linux_devices()
{
	mkdir -p "$1/modules"
	cp build/bench/linux_init "$1/init"
	number=10
	for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net virtio_blk; do
		find build/peer/linux/lib/modules -name "$module.ko" -exec cp {} "$1/modules/$number-$module.ko" \;
		number=$((number + 1))
	done
}
