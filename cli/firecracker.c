/* SPDX-License-Identifier: BSD-3-Clause */
/* Firecracker: a configuration file (its src/vmm/src/resources.rs, docs/getting-started.md) and a few words. */
#include "json.h"
#include "path.h"
#include "report.h"
#include "vmm.h"
#include "vsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	VERSION_ENTROPY = 1004,
	VERSION_PCI = 1013,
	VERSION_HINTING = 1014, /* free_page_hinting, free_page_reporting */

	REFILL_MS = 1000,

	LINE_BYTES_MAX = 2047,
	/* What it adds: "pci=off", and this for each device: " virtio_mmio.device=4K@0xc0001000:5". */
	ADDED_BYTES = 8,
	ADDED_BYTES_EACH = 37,
};

static const char *lacks(const struct options *o)
{
	(void)o;
	return NULL;
}

static char *find(const struct options *o)
{
	(void)o;
	return path_find_command("firecracker");
}

static bool version_matters(const struct options *o)
{
	return o->pci || o->entropy || o->balloon;
}

static size_t count_devices(const struct options *o)
{
	return o->disk_count + o->root_on_disk + (o->network.kind != NETWORK_NONE) + !!o->vsock +
	       o->entropy + o->balloon;
}

static int check(const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	unsigned wanted = o->pci ? VERSION_PCI : o->entropy ? VERSION_ENTROPY : 0;

	if (o->metadata && o->network.kind == NETWORK_NONE) {
		report("--metadata needs a network, at which the machine asks for it (see --net)");
		return -EINVAL;
	}
	if (setup->version && setup->version < wanted) {
		report("%s: version %u.%u is too old; %u.%u or later is needed%s", setup->path,
		       setup->version / 1000, setup->version % 1000, wanted / 1000, wanted % 1000,
		       o->pci ? " for --pci" : " for --entropy");
		return -ENOTSUP;
	}
	return vmm_check_line(setup, "Firecracker",
			      LINE_BYTES_MAX - ADDED_BYTES - ADDED_BYTES_EACH * count_devices(o));
}

static void make_argv(struct strings *argv, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;

	strings_add(argv, setup->path);
	strings_add(argv, "--no-api");
	strings_add(argv, "--config-file");
	strings_add(argv, setup->config);
	/* Else its log is mixed with the machine's serial port. */
	strings_add(argv, "--log-path");
	strings_add(argv, "/proc/self/fd/2");
	strings_add(argv, "--level");
	strings_add(argv, o->verbose ? "Info" : "Error");
	if (o->verbose)
		strings_add(argv, "--boot-timer");
	if (o->pci)
		strings_add(argv, "--enable-pci");
	if (o->metadata) {
		strings_add(argv, "--metadata");
		strings_add(argv, o->metadata);
	}
}

static void add_bucket(struct json *j, const char *key, uint64_t size)
{
	if (!size)
		return;
	json_open(j, key, '{');
	json_number(j, "size", size);
	json_number(j, "refill_time", REFILL_MS);
	json_close(j, '}');
}

static void open_drive(struct json *j, const char *id, const char *path, bool read_only)
{
	json_open(j, NULL, '{');
	json_string(j, "drive_id", id);
	json_string(j, "path_on_host", path);
	json_bool(j, "is_root_device", false);
	json_bool(j, "is_read_only", read_only);
	/* Else what the program syncs is not. */
	if (!read_only)
		json_string(j, "cache_type", "Writeback");
}

static void add_drives(struct json *j, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	char id[32];

	json_open(j, "drives", '[');
	if (o->root_on_disk && setup->image) {
		open_drive(j, "root", setup->image, true);
		json_close(j, '}');
	}
	for (size_t i = 0; i < o->disk_count; i++) {
		const struct disk *d = &o->disks[i];

		snprintf(id, sizeof id, "disk%zu", i);
		open_drive(j, id, d->path, d->read_only);
		if (d->bytes_per_second || d->operations_per_second) {
			json_open(j, "rate_limiter", '{');
			add_bucket(j, "bandwidth", d->bytes_per_second);
			add_bucket(j, "ops", d->operations_per_second);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void add_network(struct json *j, const struct options *o)
{
	struct text mac = { 0 };

	if (o->network.kind == NETWORK_NONE)
		return;
	network_add_mac(&o->network, &mac);
	json_open(j, "network-interfaces", '[');
	json_open(j, NULL, '{');
	json_string(j, "iface_id", "eth0");
	json_string(j, "host_dev_name", network_tap(&o->network));
	json_string(j, "guest_mac", text_get(&mac));
	json_close(j, '}');
	json_close(j, ']');
	text_free(&mac);
	if (!o->metadata)
		return;
	json_open(j, "mmds-config", '{');
	json_string(j, "version", "V2");
	json_open(j, "network_interfaces", '[');
	json_string(j, NULL, "eth0");
	json_close(j, ']');
	json_close(j, '}');
}

static void add_balloon(struct json *j, const struct vmm_setup *setup)
{
	json_open(j, "balloon", '{');
	json_number(j, "amount_mib", setup->options->balloon_bytes >> 20);
	json_bool(j, "deflate_on_oom", true);
	json_number(j, "stats_polling_interval_s", 1);
	if (!setup->version || setup->version >= VERSION_HINTING) {
		json_bool(j, "free_page_hinting", true);
		json_bool(j, "free_page_reporting", true);
	}
	json_close(j, '}');
}

static void add_vsock(struct json *j, const struct options *o)
{
	json_open(j, "vsock", '{');
	json_number(j, "guest_cid", VSOCK_GUEST_CID);
	json_string(j, "uds_path", o->vsock);
	json_close(j, '}');
}

static void make_config(struct text *config, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	struct json j = { .out = config };

	json_open(&j, NULL, '{');
	json_open(&j, "boot-source", '{');
	json_string(&j, "kernel_image_path", setup->kernel);
	if (setup->image && !o->root_on_disk)
		json_string(&j, "initrd_path", setup->image);
	json_string(&j, "boot_args", setup->line);
	json_close(&j, '}');
	json_open(&j, "machine-config", '{');
	json_number(&j, "vcpu_count", o->cpus);
	json_number(&j, "mem_size_mib", o->memory_bytes >> 20);
	json_close(&j, '}');
	add_drives(&j, setup);
	add_network(&j, o);
	if (o->vsock)
		add_vsock(&j, o);
	if (o->entropy) {
		json_open(&j, "entropy", '{');
		json_close(&j, '}');
	}
	if (o->balloon)
		add_balloon(&j, setup);
	json_close(&j, '}');
}

static const char *describe(const struct options *o)
{
	return o->pci ? "devices on PCI" : "devices by registers in memory";
}

const struct vmm vmm_firecracker = {
	.name = "firecracker",
	.kind = VMM_FIRECRACKER,
	.command = "firecracker",
	.needs_kvm = true,
	.loses_output = true,
	.lacks = lacks,
	.find = find,
	.version_matters = version_matters,
	.source = "put a release of https://github.com/firecracker-microvm/firecracker into a "
		  "directory of PATH, or use --vmm qemu",
	.check = check,
	.make_argv = make_argv,
	.make_config = make_config,
	.describe = describe,
};
