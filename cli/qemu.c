/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's command line.
 *
 * QEMU needs most of its start for loading itself, and the image is written meanwhile: it has to be
 * complete only when QEMU looks at it. What holds QEMU back till then is an (empty) configuration file
 * that is a pipe: it reads that to its end before it makes the machine.
 */
#include "path.h"
#include "vmm.h"

#include <stdio.h>

/* Its start fills some MiB of heap, with a page fault for each 4 KiB; so these are a few large pages, where
 * the host has them for who asks (madvise). */
#define TUNABLES "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=8388608"

#define QEMU_NAME "qemu-system-x86_64"
/* Of the same package, but with KVM and two machines only: it starts in a fifth of the time. */
#define QEMU_KVM_NAME "qemu-system-x86_64-microvm"

/* That one has no network of its own, and no virtio on PCI. */
static bool small_qemu_serves(const struct options *o)
{
	bool devices = o->disk_count || o->root_on_disk || o->network.kind != NETWORK_NONE ||
		       o->entropy || o->balloon || o->vsock;

	if (o->accel != ACCEL_KVM || o->machine == MACHINE_PC)
		return false;
	return !devices ||
	       (o->machine == MACHINE_MICROVM && o->network.kind != NETWORK_USER && !o->vsock);
}

static char *find(const struct options *o)
{
	char *path = NULL;

	if (small_qemu_serves(o))
		path = path_find_command(QEMU_KVM_NAME);
	return path ? path : path_find_command(QEMU_NAME);
}

static const char *lacks(const struct options *o)
{
	if (o->metadata)
		return "--metadata (Firecracker has it)";
	if (o->vsock && o->bundle)
		return "--vsock in a directory (`capuchin run` starts what it needs beside QEMU)";
	return o->pci ? "--pci (--machine q35 has PCI)" : NULL;
}

static bool takes_rom(const struct options *o)
{
	return o->machine == MACHINE_MICROVM;
}

static const char *machine_words(enum machine machine)
{
	switch (machine) {
	case MACHINE_Q35:
		return "q35";
	case MACHINE_PC:
		return "pc";
	default:
		return "microvm,acpi=off";
	}
}

static void add_accel(struct strings *argv, enum accel accel)
{
	if (accel == ACCEL_AUTO) {
		strings_add(argv, VMM_SCRIPT_ACCEL);
		return;
	}
	strings_add(argv, "-accel");
	strings_add(argv, accel == ACCEL_KVM ? "kvm" : "tcg");
}

/* KVM offers no MSR 0x10a to this QEMU on some hosts, and then QEMU ends; the kernel does not read it. */
static const char *cpu_words(enum accel accel)
{
	return accel == ACCEL_TCG ? "max" : "max,-arch-capabilities";
}

/* Devices of microvm are without PCI; those on PCI have no use for a ROM to boot from. */
static void add_device(struct strings *argv, const struct options *o, const char *device,
		       const char *properties)
{
	strings_add(argv, "-device");
	strings_printf(argv, "%s-%s%s", device, o->machine == MACHINE_MICROVM ? "device" : "pci",
		       properties);
}

static void add_vsock(struct strings *argv, const struct vmm_setup *setup)
{
	struct text chardev = { 0 };

	text_printf(&chardev, "socket,id=vsock,path=");
	text_append_qemu(&chardev, setup->vsock);
	strings_add(argv, "-chardev");
	strings_add(argv, text_get(&chardev));
	add_device(argv, setup->options, "vhost-user-vsock", ",chardev=vsock");
	text_free(&chardev);
}

static void add_devices(struct strings *argv, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	bool mmio = o->machine == MACHINE_MICROVM;
	const char *block = mmio ? "virtio-blk-device" : "virtio-blk-pci";

	if (mmio && (o->root_on_disk || o->disk_count || o->network.kind != NETWORK_NONE ||
		     o->entropy || o->balloon || o->vsock)) {
		strings_add(argv, "-global");
		strings_add(argv, "virtio-mmio.force-legacy=off");
	}
	if (o->root_on_disk && setup->image)
		disk_add_root_argv(argv, block, setup->image);
	for (size_t i = 0; i < o->disk_count; i++)
		disk_add_argv(&o->disks[i], argv, block, (unsigned)i);
	network_add_argv(&o->network, argv, mmio ? "virtio-net-device" : "virtio-net-pci,romfile=");
	if (o->entropy)
		add_device(argv, o, "virtio-rng", "");
	if (o->vsock && setup->vsock)
		add_vsock(argv, setup);
	if (o->balloon)
		add_device(argv, o, "virtio-balloon", ",deflate-on-oom=on,free-page-reporting=on");
}

static void make_argv(struct strings *argv, const struct vmm_setup *setup)
{
	static const char *const fixed[] = {
		"-display",
		"none",
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-chardev",
		"stdio,id=console,signal=off",
		"-serial",
		"chardev:console",
	};
	const struct options *o = setup->options;
	unsigned long long kib = o->memory_bytes >> 10;

	strings_add(argv, setup->path);
	if (setup->gate) {
		strings_add(argv, "-readconfig");
		strings_add(argv, setup->gate);
	}
	strings_add(argv, "-machine");
	strings_printf(argv, "%s,memory-backend=ram", machine_words(o->machine));
	/* Not reserved: a machine may have more than the host can promise, and use little of it. Shared, where another process works
	 * on it. */
	strings_add(argv, "-object");
	strings_printf(argv, "memory-backend-%s,id=ram,size=%lluK,reserve=off",
		       o->vsock ? "memfd,share=on" : "ram", kib);
	add_accel(argv, o->accel);
	strings_add(argv, "-cpu");
	strings_add(argv, cpu_words(o->accel));
	strings_add(argv, "-m");
	strings_printf(argv, "size=%lluK", kib);
	strings_add(argv, "-smp");
	strings_printf(argv, "%u", o->cpus);
	for (size_t i = 0; i < countof(fixed); i++)
		strings_add(argv, fixed[i]);
	add_devices(argv, setup);
	if (setup->rom) {
		strings_add(argv, "-bios");
		strings_add(argv, setup->rom);
	}
	strings_add(argv, "-kernel");
	strings_add(argv, setup->kernel);
	if (setup->image && !o->root_on_disk) {
		strings_add(argv, "-initrd");
		strings_add(argv, setup->image);
	}
	strings_add(argv, "-append");
	strings_add(argv, setup->line);
}

/* For pc and q35 a boot ROM of QEMU's (pvh_main.c) reads the line into a buffer of 4,096 bytes, without looking whether it
 * fits: what lies behind is lost, and the machine does not boot, or hangs. */
static int check(const struct vmm_setup *setup)
{
	enum { ROM_LINE_BYTES_MAX = 4095 };
	char who[32];

	if (setup->options->machine == MACHINE_MICROVM)
		return 0;
	snprintf(who, sizeof who, "QEMU's machine %s", machine_words(setup->options->machine));
	return vmm_check_line(setup, who, ROM_LINE_BYTES_MAX);
}

static const char *describe(const struct options *o)
{
	static const char *const words[] = {
		[MACHINE_MICROVM] = "machine microvm,acpi=off",
		[MACHINE_Q35] = "machine q35",
		[MACHINE_PC] = "machine pc",
	};

	return words[o->machine];
}

const struct vmm vmm_qemu = {
	.name = "qemu",
	.kind = VMM_QEMU,
	.command = QEMU_NAME,
	.waits_at_gate = true,
	.tunables = TUNABLES,
	.takes_rom = takes_rom,
	.lacks = lacks,
	.find = find,
	.source = "install the package qemu-system-x86",
	.check = check,
	.make_argv = make_argv,
	.describe = describe,
};
