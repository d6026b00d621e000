/* SPDX-License-Identifier: BSD-3-Clause */
/* `capuchin run`: from the program's file to its exit status. */
#include "commands.h"

#include "backlog.h"
#include "child.h"
#include "cmdline.h"
#include "erofs_write.h"
#include "kernel_file.h"
#include "memory.h"
#include "pack.h"
#include "program.h"
#include "report.h"
#include "session.h"
#include "signals.h"
#include "tap.h"
#include "terminal.h"
#include "vmm.h"
#include "vsock.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { SEED_BYTES = 32 };

struct run {
	const struct options *options;
	struct program program;
	struct root root;
	struct cmdline cmdline;
	struct streams streams;
	const struct vmm *vmm;
	char *kernel, *rom, *vmm_path;
	uint64_t kernel_bytes;
	int image_fd, config_fd, gate[2], to_vm[2], from_vm[2];
	struct tap_keeper tap;
	struct vsock_host vsock;
	struct child child;
	const struct console_sink *sink; /* NULL: standard output */
};

enum { FD_PATH_BYTES = 32 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_pipe(int fds[2])
{
	if (!pipe2(fds, O_CLOEXEC))
		return 0;
	int err = errno;
	fds[0] = fds[1] = -1;
	report("cannot make a pipe: %s", strerror(err));
	return -err;
}

static int find_program(struct run *r, const struct options *o)
{
	struct strings env = { 0 };

	environment_make(&env, &o->env, r->streams.terminal || r->streams.output_terminal);
	int err = pack_root(&r->root, &r->program, o, &env);
	strings_free(&env);
	return err;
}

static int check_devices(struct options *o)
{
	int err = network_check(&o->network);

	return err ? err : disks_check(o->disks, o->disk_count);
}

static int find_parts(struct run *r, struct options *o)
{
	int err = options_have_program(o) ? find_program(r, o) : 0;

	if (!err)
		err = check_devices(o);
	if (err)
		return err;
	r->kernel = kernel_file_find(&r->kernel_bytes);
	if (!r->kernel)
		return -ENOENT;
	err = vmm_choose(o, &r->vmm, &r->vmm_path);
	if (!err && r->vmm->takes_rom && r->vmm->takes_rom(o))
		r->rom = kernel_file_find_rom(r->kernel);
	if (!err)
		err = vsock_prepare(&r->vsock, o);
	if (!err && o->network.kind == NETWORK_TAP)
		err = tap_make(&r->tap, &o->network, o->verbose);
	return err;
}

/* What has to be known before the VMM starts. */
static int plan(struct run *r, struct options *o)
{
	uint64_t image_bytes = 0;
	int err = find_parts(r, o);

	if (err)
		return err;
	cmdline_make(&r->cmdline, o, &r->program, &r->streams);
	if (options_have_program(o)) {
		err = pack_cmdline(&r->root, &r->program, &r->cmdline);
		image_bytes = o->root_on_disk ? 0 : erofs_write_estimate(&r->root.tree);
	}
	if (err)
		return err;
	memory_choose(o, image_bytes);
	return memory_check(o, &r->program, r->kernel_bytes, image_bytes);
}

static void show_plan(const struct run *r, const struct vmm_setup *setup)
{
	vmm_describe(r->vmm, setup);
	if (r->program.guest_path)
		report("program %s", r->program.guest_path);
	report("kernel command line, besides the seed: %s", text_get(&r->cmdline.line));
}

static int add_seed(struct cmdline *c)
{
	unsigned char seed[SEED_BYTES];

	if (getrandom(seed, sizeof seed, 0) != sizeof seed) {
		report("the host gives no random numbers: %s", strerror(errno));
		return -EIO;
	}
	cmdline_add_start(c, seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	return 0;
}

static int write_config(struct run *r, const struct vmm_setup *setup)
{
	struct text config = { 0 };

	r->vmm->make_config(&config, setup);
	errno = ENOSPC;
	bool written = write(r->config_fd, config.data, config.bytes) == (ssize_t)config.bytes;
	int err = written ? 0 : -errno;
	text_free(&config);
	if (err)
		report("cannot write the configuration of %s: %s", r->vmm->name, strerror(-err));
	return err;
}

static int run_library(const void *setup)
{
	const struct vmm_setup *s = setup;

	return vmm_get(s->options->vmm)->run_library(s);
}

/* What the user has set counts more than what is set for the VMM: it comes later. To be freed. */
static char *make_tunables(const char *ours)
{
	const char *set = getenv("GLIBC_TUNABLES");
	bool is_set = set && set[0];

	return format_string("%s%s%s", ours, is_set ? ":" : "", is_set ? set : "");
}

static int start_child(struct run *r, const struct vmm_setup *setup)
{
	const int inherit[] = { r->image_fd, r->config_fd, r->gate[0] };
	struct strings argv = { 0 };
	char *tunables = NULL;
	struct child_setup child = {
		.run = run_library,
		.arg = setup,
		.in = r->to_vm[0],
		.out = r->from_vm[1],
		.inherit = inherit,
		.inherit_count = countof(inherit),
	};

	if (r->vmm->make_argv) {
		r->vmm->make_argv(&argv, setup);
		child.argv = argv.items;
	}
	if (r->vmm->tunables) {
		tunables = make_tunables(r->vmm->tunables);
		child.env[0] = "GLIBC_TUNABLES";
		child.env[1] = tunables;
	}
	int err = child_start(&r->child, &child);
	free(tunables);
	strings_free(&argv);
	return err;
}

static const char *name_fd(char path[FD_PATH_BYTES], int fd)
{
	snprintf(path, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
	return fd < 0 ? NULL : path;
}

/* Starts the VMM, which reads files of this process by the names of their descriptors. */
static int start_vm(struct run *r)
{
	char image[FD_PATH_BYTES], gate[FD_PATH_BYTES], config[FD_PATH_BYTES], version[256];
	struct vmm_setup setup = {
		.path = r->vmm_path,
		.kernel = r->kernel,
		.rom = r->rom,
		.options = r->options,
		.image = name_fd(image, r->image_fd),
		.gate = name_fd(gate, r->gate[0]),
		.config = name_fd(config, r->config_fd),
		.console_in = STDIN_FILENO,
		.console_out = STDOUT_FILENO,
		.vsock = r->vsock.control,
	};

	if (r->vmm->version_matters && r->vmm->version_matters(r->options))
		setup.version = vmm_read_version(r->vmm_path, r->vmm->name, version,
						 sizeof version);
	if (r->options->verbose)
		show_plan(r, &setup);
	int err = add_seed(&r->cmdline);
	if (err)
		return err;
	setup.line = text_get(&r->cmdline.line);
	if (r->vmm->check)
		err = r->vmm->check(&setup);
	if (!err && r->vmm->make_config)
		err = write_config(r, &setup);
	if (!err) {
		vmm_warn(r->vmm, r->options);
		err = start_child(r, &setup);
	}
	close_fd(&r->to_vm[0]);
	close_fd(&r->gate[0]);
	/* See session.c. */
	if (!r->vmm->loses_output)
		close_fd(&r->from_vm[1]);
	return err;
}

static int open_channels(struct run *r)
{
	int err = 0;

	if (options_have_program(r->options) && (r->image_fd = pack_create_file("root.img")) < 0)
		return r->image_fd;
	if (r->vmm->make_config && (r->config_fd = pack_create_file("config.json")) < 0)
		return r->config_fd;
	if (r->vmm->waits_at_gate)
		err = make_pipe(r->gate);
	if (!err)
		err = r->vmm->wants_terminal ? terminal_make(r->to_vm) : make_pipe(r->to_vm);
	if (!err)
		err = make_pipe(r->from_vm);
	/* A VMM that reads until there is nothing more must not wait there. */
	if (!err)
		fcntl(r->to_vm[0], F_SETFL, O_NONBLOCK);
	return err;
}

static int make_image(struct run *r)
{
	uint64_t bytes;

	return r->image_fd >= 0 ? erofs_write(r->image_fd, &r->root.tree, &bytes) : 0;
}

/* On success the machine boots. */
static int launch(struct run *r)
{
	int err = open_channels(r);

	if (!err && r->options->timeout_ms)
		err = signals_set_alarm(r->options->timeout_ms);
	if (!err && !r->vmm->waits_at_gate)
		err = make_image(r);
	if (!err)
		err = vsock_start(&r->vsock);
	if (!err)
		err = start_vm(r);
	if (!err && r->vmm->waits_at_gate)
		err = make_image(r);
	if (!err)
		err = vsock_wait(&r->vsock);
	if (!err)
		close_fd(&r->gate[1]);
	if (!err && r->options->network.kind == NETWORK_USER)
		backlog_widen(r->child.pid, &r->options->network);
	return err;
}

/* Whether more than the console's output may be on its way to the host when the machine ends. */
static bool is_waited_for(const struct options *o)
{
	return o->verbose || o->disk_count || o->root_on_disk || o->network.kind != NETWORK_NONE;
}

static int attend(struct run *r)
{
	const struct session_setup setup = {
		.vmm = r->vmm->name,
		.vm = &r->child,
		.to_vm = r->to_vm[1],
		.from_vm = r->from_vm[0],
		.far_end = r->from_vm[1],
		.terminal = r->streams.terminal,
		.wait = is_waited_for(r->options),
		.sink = r->sink,
	};

	r->to_vm[1] = r->from_vm[0] = r->from_vm[1] = -1;
	int status = session_run(&setup);
	/* What it says of its own accord, such as Firecracker's boot time. */
	if (r->options->verbose)
		report_lines(r->vmm->name, text_get(&r->child.err));
	return status;
}

static void run_fini(struct run *r)
{
	int *fds[] = { &r->image_fd, &r->config_fd, &r->gate[0],    &r->gate[1],
		       &r->to_vm[0], &r->to_vm[1],  &r->from_vm[0], &r->from_vm[1] };

	child_kill(&r->child);
	text_free(&r->child.err);
	tap_remove(&r->tap);
	vsock_end(&r->vsock);
	for (size_t i = 0; i < countof(fds); i++)
		close_fd(fds[i]);
	cmdline_free(&r->cmdline);
	program_free(&r->program);
	root_fini(&r->root);
	free(r->kernel);
	free(r->rom);
	free(r->vmm_path);
}

int run_machine(struct options *o, const struct console_sink *sink)
{
	struct run r = {
		.options = o,
		.image_fd = -1,
		.config_fd = -1,
		.gate = { -1, -1 },
		.to_vm = { -1, -1 },
		.from_vm = { -1, -1 },
		.child = { .err_fd = -1 },
		.tap = { .alive_fd = -1 },
		.vsock = { .child = { .err_fd = -1 } },
		.streams = {
			.known = true,
			.terminal = !sink && terminal_present(),
			.output_terminal = !sink && isatty(STDOUT_FILENO),
		},
		.sink = sink,
	};
	int status;

	root_init(&r.root, !o->rootfs);
	int err = plan(&r, o);
	if (!err)
		err = launch(&r);
	if (!err)
		status = attend(&r);
	else
		status = signals_ending() ? session_ending_status() : EXIT_CANNOT_RUN;
	run_fini(&r);
	return status;
}

int command_run(struct options *o)
{
	return run_machine(o, NULL);
}
