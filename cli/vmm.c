/* SPDX-License-Identifier: BSD-3-Clause */
/* Chooses the virtual machine monitor, and says which. */
#include "vmm.h"

#include "child.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Earlier ones do not know PVH. */
enum { FIRECRACKER_PVH = 1012 };

/* The quickest first: by the time from start to exit with the same program. */
static const struct vmm *const vmms[] = {
	&vmm_firecracker,
	&vmm_cloud_hypervisor,
	&vmm_qemu,
	&vmm_libkrun,
};

const struct vmm *vmm_get(enum vmm_kind kind)
{
	size_t i = 0;

	while (vmms[i]->kind != kind)
		i++;
	return vmms[i];
}

/* --- KVM ----------------------------------------------------------------------------------------- */

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

static bool kvm_is_worth_it(void)
{
	return cpu_has_virtualisation() && !try_kvm();
}

static int refuse_kvm(int err, const char *who)
{
	const char *hint =
		" (the host has no virtualisation, or it is switched off in the firmware)";

	if (err == -EACCES)
		hint = " (members of the group kvm may use it)";
	if (err == -ENOENT)
		hint = " (load the module kvm_intel or kvm_amd; in a virtual machine, the host has "
		       "to allow nesting)";
	report("%s needs KVM: /dev/kvm: %s%s", who, strerror(-err), hint);
	return err;
}

/* Makes ACCEL_AUTO one of the others. */
static int choose_accel(struct options *o, const struct vmm *vmm)
{
	if (o->accel == ACCEL_TCG)
		return 0; /* what needs KVM has refused it */
	if (o->accel == ACCEL_AUTO && !vmm->needs_kvm) {
		o->accel = kvm_is_worth_it() ? ACCEL_KVM : ACCEL_TCG;
		return 0;
	}
	int err = try_kvm();
	if (err)
		return refuse_kvm(err, vmm->needs_kvm ? vmm->name : "--accel kvm");
	o->accel = ACCEL_KVM;
	return 0;
}

/* --- which one ----------------------------------------------------------------------------------- */

/* What every VMM but QEMU lacks. */
static const char *common_lack(const struct options *o)
{
	if (o->accel == ACCEL_TCG)
		return "--accel tcg";
	if (o->machine_given)
		return "--machine";
	if (o->network.kind == NETWORK_USER)
		return "--net user (--net tap is there for root)";
	if (o->network.pcap)
		return "--pcap (tcpdump can listen at the tap)";
	for (size_t i = 0; i < o->disk_count; i++) {
		if (o->disks[i].format == DISK_QCOW2)
			return "disks in qcow2 (qemu-img convert -O raw makes them raw)";
	}
	return NULL;
}

static const char *lack_of(const struct vmm *vmm, const struct options *o)
{
	const char *lack = vmm->kind == VMM_QEMU ? NULL : common_lack(o);

	return lack ? lack : vmm->lacks(o);
}

/* Why it is not taken; NULL: it is, and *path is its file. */
static const char *try_auto(const struct vmm *vmm, const struct options *o, char **path)
{
	bool tap = o->network.kind == NETWORK_TAP || network_wanted(&o->network);
	const char *lack = lack_of(vmm, o);

	if (lack)
		return lack;
	if (vmm->kind != VMM_QEMU && tap && !o->network.tap && geteuid())
		return "a tap, which only root can make";
	if (vmm->needs_kvm && !kvm_is_worth_it())
		return "KVM with hardware virtualisation";
	*path = vmm->find(o);
	return *path ? NULL : "to be installed";
}

static const struct vmm *choose_auto(struct options *o, char **path)
{
	for (size_t i = 0; i < countof(vmms); i++) {
		const char *why_not = try_auto(vmms[i], o, path);

		if (!why_not) {
			if (o->verbose)
				report("--vmm auto: %s, the quickest here that can do this",
				       vmms[i]->name);
			o->vmm = vmms[i]->kind;
			return vmms[i];
		}
		if (o->verbose)
			report("--vmm auto: not %s: this needs %s", vmms[i]->name, why_not);
	}
	report("no virtual machine monitor found that can do this; install the package "
	       "qemu-system-x86");
	return NULL;
}

static int settle_network(struct options *o)
{
	const char *contradiction = network_finish(&o->network, vmm_network(o->vmm));

	if (contradiction)
		report("%s", contradiction);
	return contradiction ? -EINVAL : 0;
}

int vmm_check_options(const struct vmm *vmm, const struct options *o)
{
	const char *lack = lack_of(vmm, o);

	if (lack)
		report("%s has no %s", vmm->name, lack);
	return lack ? -ENOTSUP : 0;
}

int vmm_choose(struct options *o, const struct vmm **vmm, char **path)
{
	int err;

	if (o->vmm == VMM_AUTO) {
		*vmm = choose_auto(o, path);
		err = *vmm ? settle_network(o) : -ENOENT;
		return err ? err : choose_accel(o, *vmm);
	}
	*vmm = vmm_get(o->vmm);
	err = vmm_check_options(*vmm, o);
	if (!err)
		err = choose_accel(o, *vmm);
	if (err)
		return err;
	*path = (*vmm)->find(o);
	if (!*path)
		report("%s: not found; %s", (*vmm)->command, (*vmm)->source);
	return *path ? 0 : -ENOENT;
}

/* --- what is said -------------------------------------------------------------------------------- */

unsigned vmm_read_version(const char *path, const char *name, char *line, size_t room)
{
	const char *argv[] = { path, "--version", NULL };
	int fd = memfd_create("version", MFD_CLOEXEC);
	const struct child_setup setup = {
		.argv = (char *const *)argv,
		.in = -1,
		.out = fd,
	};
	ssize_t bytes = 0;

	if (fd >= 0 && !child_run(&setup, name))
		bytes = pread(fd, line, room - 1, 0);
	line[bytes > 0 ? bytes : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	const char *number = strpbrk(line, "0123456789");
	unsigned major = 0, minor = 0;
	if (!number || sscanf(number, "%u.%u", &major, &minor) < 1)
		return 0;
	return major * 1000 + minor;
}

static void warn_of_emulation(const struct options *o)
{
	if (o->accel == ACCEL_KVM && !cpu_has_virtualisation())
		report("this KVM has no hardware virtualisation: programs may not run");
}

/* Where a program is to run, and the user may not know that it is KVM that runs it. */
static bool runs_on_kvm_alone(const struct vmm *vmm, const struct options *o)
{
	return vmm->needs_kvm && options_have_program(o);
}

void vmm_warn(const struct vmm *vmm, const struct options *o)
{
	if (runs_on_kvm_alone(vmm, o))
		warn_of_emulation(o);
}

void vmm_describe(const struct vmm *vmm, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	char version[256] = "";
	unsigned number = 0;

	if (vmm->make_argv)
		number = vmm_read_version(setup->path, vmm->name, version, sizeof version);
	report("%s: %s", setup->path, version[0] ? version : "a library");
	report("accelerator %s, %s, boot protocol %s, memory %llu KiB, %u processor%s",
	       o->accel == ACCEL_KVM ? "kvm" : "tcg", vmm->describe(o),
	       vmm->kind == VMM_FIRECRACKER && number < FIRECRACKER_PVH ? "Linux 64-bit" : "PVH",
	       (unsigned long long)(o->memory_bytes >> 10), o->cpus,
	       o->cpus > 1 ? "s, one of which is used" : "");
	if (!runs_on_kvm_alone(vmm, o))
		warn_of_emulation(o);
	report("kernel %s", setup->kernel);
	if (setup->rom)
		report("boot ROM %s", setup->rom);
}

int vmm_check_line(const struct vmm_setup *setup, const char *who, size_t bytes_max)
{
	size_t bytes = strlen(setup->line);

	if (bytes <= bytes_max)
		return 0;
	report("the kernel's command line has %zu bytes, and %s takes %zu (see --kernel-arg)",
	       bytes, who, bytes_max);
	return -E2BIG;
}
