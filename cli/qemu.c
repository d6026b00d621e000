/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's command line.
 *
 * QEMU needs most of its start for loading itself, and the image is written meanwhile: it has to be
 * complete only when QEMU looks at it. What holds QEMU back till then is an (empty) configuration file
 * that is a pipe: it reads that to its end before it makes the machine.
 */
#include "qemu.h"

#include "child.h"
#include "path.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define QEMU_NAME "qemu-system-x86_64"
/* Of the same package, but with KVM and two machines only: it starts in a fifth of the time. */
#define QEMU_KVM_NAME "qemu-system-x86_64-microvm"

/* That one has no network of its own, and no virtio on PCI. */
static bool small_qemu_serves(const struct options *o)
{
	bool devices = o->disk_count || o->root_on_disk || o->network.kind != NETWORK_NONE;

	if (o->accel != ACCEL_KVM || o->machine == MACHINE_PC)
		return false;
	return !devices || (o->machine == MACHINE_MICROVM && o->network.kind != NETWORK_USER);
}

char *qemu_find(const struct options *o)
{
	char *path = NULL;

	if (small_qemu_serves(o))
		path = path_find_command(QEMU_KVM_NAME);
	if (!path)
		path = path_find_command(QEMU_NAME);
	if (!path)
		report(QEMU_NAME ": not found; install the package qemu-system-x86");
	return path;
}

/* Whether a virtual machine can be made: 0 or a negative errno. */
static int try_kvm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		return -errno;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int err = vm < 0 ? -errno : 0;
	if (vm >= 0)
		close(vm);
	close(kvm);
	return err;
}

/* Where KVM is there without these, it emulates them in software: slower than TCG, and incomplete. */
static bool cpu_has_virtualisation(void)
{
	char line[8192];
	bool found = false;
	FILE *cpuinfo = fopen("/proc/cpuinfo", "re");

	while (cpuinfo && fgets(line, sizeof line, cpuinfo)) {
		if (strncmp(line, "flags", 5))
			continue;
		found = strstr(line, " vmx") || strstr(line, " svm");
		break;
	}
	if (cpuinfo)
		fclose(cpuinfo);
	return found;
}

int qemu_choose_accel(enum accel *accel)
{
	if (*accel == ACCEL_TCG)
		return 0;
	if (*accel == ACCEL_AUTO) {
		*accel = cpu_has_virtualisation() && !try_kvm() ? ACCEL_KVM : ACCEL_TCG;
		return 0;
	}
	int err = try_kvm();
	if (err)
		report("/dev/kvm: %s%s", strerror(-err),
		       err == -EACCES ? " (members of the group kvm may use it)" : "");
	return err;
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

/* KVM offers no MSR 0x10a to this QEMU on some hosts, and then QEMU ends; the kernel does not read it. */
static const char *cpu_words(enum accel accel)
{
	return accel == ACCEL_KVM ? "max,-arch-capabilities" : "max";
}

/* Devices of microvm are without PCI; those on PCI have no use for a ROM to boot from. */
static void add_devices(struct strings *argv, const struct qemu_setup *setup)
{
	const struct options *o = setup->options;
	bool mmio = o->machine == MACHINE_MICROVM;
	const char *block = mmio ? "virtio-blk-device" : "virtio-blk-pci";

	if (mmio && (o->root_on_disk || o->disk_count || o->network.kind != NETWORK_NONE)) {
		strings_add(argv, "-global");
		strings_add(argv, "virtio-mmio.force-legacy=off");
	}
	if (o->root_on_disk && setup->image_fd >= 0)
		disk_add_root_argv(argv, block, setup->image_fd);
	for (size_t i = 0; i < o->disk_count; i++)
		disk_add_argv(&o->disks[i], argv, block, (unsigned)i);
	network_add_argv(&o->network, argv, mmio ? "virtio-net-device" : "virtio-net-pci,romfile=");
}

void qemu_make_argv(struct strings *argv, const struct qemu_setup *setup)
{
	static const char *const fixed[] = {
		"-smp",
		"1",
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
	strings_add(argv, "-readconfig");
	strings_printf(argv, "/proc/self/fd/%d", setup->gate_fd);
	strings_add(argv, "-machine");
	strings_printf(argv, "%s,memory-backend=ram", machine_words(o->machine));
	/* Not reserved: a machine may have more than the host can promise, and use little of it. */
	strings_add(argv, "-object");
	strings_printf(argv, "memory-backend-ram,id=ram,size=%lluK,reserve=off", kib);
	strings_add(argv, "-accel");
	strings_add(argv, o->accel == ACCEL_KVM ? "kvm" : "tcg");
	strings_add(argv, "-cpu");
	strings_add(argv, cpu_words(o->accel));
	strings_add(argv, "-m");
	strings_printf(argv, "size=%lluK", kib);
	for (size_t i = 0; i < countof(fixed); i++)
		strings_add(argv, fixed[i]);
	add_devices(argv, setup);
	strings_add(argv, "-kernel");
	strings_add(argv, setup->kernel);
	if (setup->image_fd >= 0 && !o->root_on_disk) {
		strings_add(argv, "-initrd");
		strings_printf(argv, "/proc/self/fd/%d", setup->image_fd);
	}
	strings_add(argv, "-append");
	strings_add(argv, setup->line);
}

/* For pc and q35 a boot ROM of QEMU's (pvh_main.c) reads the line into a buffer of 4,096 bytes, without looking whether it
 * fits: what lies behind is lost, and the machine does not boot, or hangs. */
int qemu_check_line(const struct qemu_setup *setup)
{
	enum { ROM_LINE_BYTES_MAX = 4095 };
	size_t bytes = strlen(setup->line);

	if (setup->options->machine == MACHINE_MICROVM || bytes <= ROM_LINE_BYTES_MAX)
		return 0;
	report("the kernel's command line has %zu bytes, and QEMU's machine %s takes %d (see "
	       "--kernel-arg)",
	       bytes, machine_words(setup->options->machine), ROM_LINE_BYTES_MAX);
	return -E2BIG;
}

/* The first line of --version. */
static void read_version(const char *path, char *version, size_t room)
{
	const char *argv[] = { path, "--version", NULL };
	int fd = memfd_create("version", MFD_CLOEXEC);
	const struct child_setup setup = {
		.argv = (char *const *)argv,
		.in = -1,
		.out = fd,
		.inherit = { -1, -1 },
	};
	ssize_t bytes = 0;

	if (fd >= 0 && !child_run(&setup, "qemu"))
		bytes = pread(fd, version, room - 1, 0);
	version[bytes > 0 ? bytes : 0] = '\0';
	version[strcspn(version, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

void qemu_describe(const struct qemu_setup *setup)
{
	const struct options *o = setup->options;
	char version[256];

	read_version(setup->path, version, sizeof version);
	report("%s: %s", setup->path, version);
	report("accelerator %s, machine %s, memory %llu KiB", o->accel == ACCEL_KVM ? "kvm" : "tcg",
	       machine_words(o->machine), (unsigned long long)(o->memory_bytes >> 10));
	report("kernel %s", setup->kernel);
}
