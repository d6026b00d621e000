/* SPDX-License-Identifier: BSD-3-Clause */
/* Cloud Hypervisor: everything is on its command line (its docs/). */
#include "path.h"
#include "report.h"
#include "vmm.h"
#include "vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION_MIN = 21000, /* free_page_reporting of the balloon */
	VERSION_IMAGE_TYPE =
		52000, /* before it a disk's first sector told what it is; after, it cannot be written else */

	REFILL_MS = 1000,
};

/* Its parser ends a value at a comma unless that is quoted, and has no way to quote a quote. */
static bool fits(const char *path)
{
	return !strchr(path, '"');
}

static const char *lacks(const struct options *o)
{
	if (o->pci)
		return "--pci (it has nothing but PCI)";
	if (o->metadata)
		return "--metadata (Firecracker has it)";
	for (size_t i = 0; i < o->disk_count; i++) {
		if (!fits(o->disks[i].path))
			return "disks with a quote in their path";
	}
	return !o->vsock || fits(o->vsock) ? NULL : "sockets with a quote in their path";
}

static char *find(const struct options *o)
{
	(void)o;
	return path_find_command("cloud-hypervisor");
}

static bool version_matters(const struct options *o)
{
	return o->balloon || o->disk_count || o->root_on_disk;
}

static int check(const struct vmm_setup *setup)
{
	if (!setup->version || setup->version >= VERSION_MIN)
		return 0;
	report("%s: version %u.%u is too old; %u.0 or later is needed", setup->path,
	       setup->version / 1000, setup->version % 1000, VERSION_MIN / 1000);
	return -ENOTSUP;
}

static void add_disk(struct strings *argv, const struct vmm_setup *setup, const struct disk *d)
{
	struct text word = { 0 };

	text_printf(&word, "path=\"%s\",readonly=%s", d->path, d->read_only ? "on" : "off");
	if (!setup->version || setup->version >= VERSION_IMAGE_TYPE)
		text_printf(&word, ",image_type=raw");
	if (d->bytes_per_second)
		text_printf(&word, ",bw_size=%llu,bw_refill_time=%d",
			    (unsigned long long)d->bytes_per_second, REFILL_MS);
	if (d->operations_per_second)
		text_printf(&word, ",ops_size=%llu,ops_refill_time=%d",
			    (unsigned long long)d->operations_per_second, REFILL_MS);
	strings_add(argv, text_get(&word));
	text_free(&word);
}

static void add_disks(struct strings *argv, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;

	if (!o->disk_count && !(o->root_on_disk && setup->image))
		return;
	strings_add(argv, "--disk");
	if (o->root_on_disk && setup->image) {
		char *path = format_string("%s", setup->image);
		const struct disk root = { .path = path, .read_only = true };

		add_disk(argv, setup, &root);
		free(path);
	}
	for (size_t i = 0; i < o->disk_count; i++)
		add_disk(argv, setup, &o->disks[i]);
}

static void add_devices(struct strings *argv, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	struct text mac = { 0 };

	add_disks(argv, setup);
	if (o->network.kind != NETWORK_NONE) {
		network_add_mac(&o->network, &mac);
		strings_add(argv, "--net");
		strings_printf(argv, "tap=%s,mac=%s", network_tap(&o->network), text_get(&mac));
		text_free(&mac);
	}
	if (o->vsock) {
		strings_add(argv, "--vsock");
		strings_printf(argv, "cid=%d,socket=\"%s\"", VSOCK_GUEST_CID, o->vsock);
	}
	if (o->balloon) {
		strings_add(argv, "--balloon");
		strings_printf(argv, "size=%llu,deflate_on_oom=on,free_page_reporting=on",
			       (unsigned long long)o->balloon_bytes);
	}
}

static void make_argv(struct strings *argv, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;

	strings_add(argv, setup->path);
	strings_add(argv, "--kernel");
	strings_add(argv, setup->kernel);
	if (setup->image && !o->root_on_disk) {
		strings_add(argv, "--initramfs");
		strings_add(argv, setup->image);
	}
	strings_add(argv, "--cmdline");
	strings_add(argv, setup->line);
	strings_add(argv, "--cpus");
	strings_printf(argv, "boot=%u", o->cpus);
	strings_add(argv, "--memory");
	strings_printf(argv, "size=%llu", (unsigned long long)o->memory_bytes);
	strings_add(argv, "--serial");
	strings_add(argv, "tty");
	strings_add(argv, "--console");
	strings_add(argv, "off");
	add_devices(argv, setup);
}

static const char *describe(const struct options *o)
{
	(void)o;
	return "devices on PCI";
}

const struct vmm vmm_cloud_hypervisor = {
	.name = "cloud-hypervisor",
	.kind = VMM_CLOUD_HYPERVISOR,
	.command = "cloud-hypervisor",
	.needs_kvm = true,
	.wants_terminal = true,
	.lacks = lacks,
	.find = find,
	.version_matters = version_matters,
	.source = "put a release of https://github.com/cloud-hypervisor/cloud-hypervisor into a "
		  "directory of PATH, or use --vmm qemu",
	.check = check,
	.make_argv = make_argv,
	.describe = describe,
};
