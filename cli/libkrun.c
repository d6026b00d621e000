/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libkrun: a library that makes the calling process a machine (its include/libkrun.h). It is loaded when it is wanted, so that
 * the command runs without it. Nothing of what it brings by itself is used: no init, no console but the serial port, no vsock.
 */
#include "report.h"
#include "vmm.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libkrun.so.1"

enum {
	KERNEL_FORMAT_ELF = 1,
	DISK_FORMAT_RAW = 0,
	LOG_ERRORS = 1,
	/* CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6 of virtio-net */
	NET_FEATURES = 1 << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 12,
};

/* Its functions, by their names without "krun_". Each but free returns a negative errno where it fails. */
struct library {
	void *handle;
	int32_t (*set_log_level)(uint32_t level);
	int32_t (*create_ctx)(void);
	int32_t (*set_vm_config)(uint32_t ctx, uint8_t cpus, uint32_t mib);
	int32_t (*set_kernel)(uint32_t ctx, const char *kernel, uint32_t format,
			      const char *initramfs, const char *line);
	int32_t (*disable_implicit_console)(uint32_t ctx);
	int32_t (*disable_implicit_vsock)(uint32_t ctx);
	int32_t (*add_serial_console_default)(uint32_t ctx, int in, int out);
	int32_t (*add_disk2)(uint32_t ctx, const char *id, const char *path, uint32_t format,
			     bool read_only);
	int32_t (*add_net_tap)(uint32_t ctx, char *tap, uint8_t *mac, uint32_t features,
			       uint32_t flags);
	int32_t (*start_enter)(uint32_t ctx);
};

static const char *lacks(const struct options *o)
{
	if (o->pci)
		return "--pci";
	if (o->metadata)
		return "--metadata (Firecracker has it)";
	if (o->vsock)
		return "--vsock (one socket for each port; docs/libkrun.md tells how)";
	if (o->balloon_bytes)
		return "--balloon above 0";
	for (size_t i = 0; i < o->disk_count; i++) {
		if (o->disks[i].bytes_per_second || o->disks[i].operations_per_second)
			return "limits of disks";
	}
	return NULL;
}

static char *find(const struct options *o)
{
	void *handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

	(void)o;
	if (!handle)
		return NULL;
	dlclose(handle);
	return format_string("%s", LIBRARY);
}

/* In the machine's own process messages go to its standard error, which the command shows. */
static bool load(struct library *l)
{
	/* A build without block devices or networks lacks those of the last ones. */
	enum { ALWAYS_THERE = 8 };
	const struct {
		const char *name;
		void *at;
	} functions[] = {
		{ "krun_set_log_level", &l->set_log_level },
		{ "krun_create_ctx", &l->create_ctx },
		{ "krun_set_vm_config", &l->set_vm_config },
		{ "krun_set_kernel", &l->set_kernel },
		{ "krun_disable_implicit_console", &l->disable_implicit_console },
		{ "krun_disable_implicit_vsock", &l->disable_implicit_vsock },
		{ "krun_add_serial_console_default", &l->add_serial_console_default },
		{ "krun_start_enter", &l->start_enter },
		{ "krun_add_disk2", &l->add_disk2 },
		{ "krun_add_net_tap", &l->add_net_tap },
	};

	l->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; l->handle && i < countof(functions); i++) {
		void *symbol = dlsym(l->handle, functions[i].name);

		if (!symbol && i < ALWAYS_THERE) {
			fprintf(stderr, "has no %s; 1.16 or later is needed\n", functions[i].name);
			return false;
		}
		memcpy(functions[i].at, &symbol, sizeof symbol);
	}
	return l->handle;
}

static bool succeeded(const char *what, int32_t result)
{
	if (result < 0)
		fprintf(stderr, "%s: %s\n", what, strerror(-result));
	return result >= 0;
}

static bool add_disks(const struct library *l, uint32_t ctx, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	bool good = true;
	char id[32];

	if ((o->disk_count || o->root_on_disk) && !l->add_disk2) {
		fprintf(stderr, "was built without block devices\n");
		return false;
	}

	if (o->root_on_disk && setup->image)
		good = succeeded("root directory on disk",
				 l->add_disk2(ctx, "root", setup->image, DISK_FORMAT_RAW, true));
	for (size_t i = 0; good && i < o->disk_count; i++) {
		const struct disk *d = &o->disks[i];

		snprintf(id, sizeof id, "disk%zu", i);
		good = succeeded(d->path,
				 l->add_disk2(ctx, id, d->path, DISK_FORMAT_RAW, d->read_only));
	}
	return good;
}

static bool add_network(const struct library *l, uint32_t ctx, const struct network *n)
{
	struct text text = { 0 };
	unsigned mac[6];
	uint8_t bytes[6];
	char tap[IFNAMSIZ];

	if (n->kind == NETWORK_NONE)
		return true;
	if (!l->add_net_tap) {
		fprintf(stderr, "was built without networks\n");
		return false;
	}
	network_add_mac(n, &text);
	sscanf(text_get(&text), "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
	       &mac[5]);
	text_free(&text);
	for (size_t i = 0; i < countof(mac); i++)
		bytes[i] = (uint8_t)mac[i];
	snprintf(tap, sizeof tap, "%s", network_tap(n));
	return succeeded(tap, l->add_net_tap(ctx, tap, bytes, NET_FEATURES, 0));
}

static int run_library(const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	bool in_memory = setup->image && !o->root_on_disk;
	struct library l;

	if (!load(&l))
		return EXIT_CANNOT_RUN;
	(void)l.set_log_level(LOG_ERRORS);
	int32_t made = l.create_ctx();
	if (!succeeded("context", made))
		return EXIT_CANNOT_RUN;
	uint32_t ctx = (uint32_t)made;
	if (!succeeded("processors and memory",
		       l.set_vm_config(ctx, (uint8_t)o->cpus, (uint32_t)(o->memory_bytes >> 20))) ||
	    !succeeded("kernel", l.set_kernel(ctx, setup->kernel, KERNEL_FORMAT_ELF,
					      in_memory ? setup->image : NULL, setup->line)) ||
	    !succeeded("console", l.disable_implicit_console(ctx)) ||
	    !succeeded("vsock", l.disable_implicit_vsock(ctx)) ||
	    !succeeded("serial port",
		       l.add_serial_console_default(ctx, setup->console_in, setup->console_out)) ||
	    !add_disks(&l, ctx, setup) || !add_network(&l, ctx, &o->network))
		return EXIT_CANNOT_RUN;
	succeeded("start", l.start_enter(ctx)); /* returns only where it fails */
	return EXIT_CANNOT_RUN;
}

static void add_c_string(struct text *source, const char *value)
{
	text_printf(source, "\"");
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		/* Three octal digits: what follows is never one more. */
		if (c == '"' || c == '\\' || c < ' ' || c > '~')
			text_printf(source, "\\%03o", c);
		else
			text_append(source, value, 1);
	}
	text_printf(source, "\"");
}

static void add_source_devices(struct text *source, const struct options *o)
{
	struct text mac = { 0 };

	for (size_t i = 0; i < o->disk_count; i++) {
		text_printf(source, "\tif (!err)\n\t\terr = krun_add_disk2(ctx, \"disk%zu\", ", i);
		add_c_string(source, o->disks[i].path);
		text_printf(source, ", %d, %s);\n", DISK_FORMAT_RAW,
			    o->disks[i].read_only ? "true" : "false");
	}
	if (o->network.kind == NETWORK_NONE)
		return;
	network_add_mac(&o->network, &mac);
	text_printf(source, "\tuint8_t mac[6] = { ");
	for (size_t i = 0; i < 6; i++)
		text_printf(source, "0x%.2s%s", text_get(&mac) + 3 * i, i < 5 ? ", " : " };\n");
	text_printf(source, "\tchar tap[] = ");
	add_c_string(source, network_tap(&o->network));
	text_printf(source, ";\n\tif (!err)\n\t\terr = krun_add_net_tap(ctx, tap, mac, 0x%x, 0);\n",
		    NET_FEATURES);
	text_free(&mac);
}

static void make_source(struct text *source, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;

	text_printf(source,
		    "/* Starts the machine, with its console on standard input and output. */\n"
		    "#include <libkrun.h>\n#include <stdint.h>\n#include <stdio.h>\n"
		    "#include <string.h>\n\nstatic const char line[] =\n\t");
	add_c_string(source, setup->line);
	text_printf(source,
		    ";\n\nint main(void)\n{\n\tint32_t ctx = krun_create_ctx();\n"
		    "\tint32_t err = ctx < 0 ? ctx : krun_set_vm_config(ctx, %u, %llu);\n\n"
		    "\tif (!err)\n\t\terr = krun_set_kernel(ctx, \"%s\", KRUN_KERNEL_FORMAT_ELF, "
		    "\"%s\", line);\n"
		    "\tif (!err)\n\t\terr = krun_disable_implicit_console(ctx);\n"
		    "\tif (!err)\n\t\terr = krun_disable_implicit_vsock(ctx);\n"
		    "\tif (!err)\n\t\terr = krun_add_serial_console_default(ctx, 0, 1);\n",
		    o->cpus, (unsigned long long)(o->memory_bytes >> 20), setup->kernel,
		    setup->image);
	add_source_devices(source, o);
	text_printf(source,
		    "\tif (!err)\n\t\terr = krun_start_enter(ctx);\n"
		    "\tfprintf(stderr, \"libkrun: %%s\\n\", strerror(-err));\n\treturn 1;\n}\n");
}

static const char *describe(const struct options *o)
{
	(void)o;
	return "devices by registers in memory";
}

const struct vmm vmm_libkrun = {
	.name = "libkrun",
	.kind = VMM_LIBKRUN,
	.command = LIBRARY,
	.needs_kvm = true,
	.lacks = lacks,
	.find = find,
	.source = "install libkrun 1.16 or later (https://github.com/containers/libkrun), or use "
		  "--vmm qemu",
	.run_library = run_library,
	.make_source = make_source,
	.describe = describe,
};
