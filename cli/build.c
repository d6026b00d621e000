/* SPDX-License-Identifier: BSD-3-Clause */
/* `capuchin build`: from the program's file to a bootable image, or to a directory for a VMM. */
#include "commands.h"

#include "bundle.h"
#include "cmdline.h"
#include "erofs_write.h"
#include "iso.h"
#include "kernel_file.h"
#include "memory.h"
#include "pack.h"
#include "path.h"
#include "program.h"
#include "report.h"
#include "signals.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct build {
	struct options *options;
	struct program program;
	struct root root;
	struct cmdline cmdline;
	struct iso_tools iso;
	char *kernel;
	uint64_t kernel_bytes;
	char *output; /* absolute */
	char *draft;  /* beside it: becomes the output when it is complete; NULL: none */
	struct stage stage;
};

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

static int find_parts(struct build *b)
{
	struct strings env = { 0 };

	int err = 0;

	environment_make(&env, &b->options->env, false);
	if (options_have_program(b->options))
		err = pack_root(&b->root, &b->program, b->options, &env);
	strings_free(&env);
	if (err)
		return err;
	b->kernel = kernel_file_find(&b->kernel_bytes);
	if (!b->kernel)
		return -ENOENT;
	return b->options->bundle ? 0 : iso_find_tools(&b->iso);
}

/* Made first, so that a place that cannot be written is told at once. */
static int create_draft(struct build *b)
{
	struct stat st;

	b->output = path_absolute(b->options->output);
	if (!b->output)
		return refuse(b->options->output, errno);
	if (!stat(b->output, &st) && !S_ISREG(st.st_mode)) {
		report("%s: %s", b->options->output,
		       S_ISDIR(st.st_mode) ? strerror(EISDIR) : "not a regular file");
		return -EINVAL;
	}
	b->draft = format_string("%s.XXXXXX", b->output);
	int fd = mkstemp(b->draft);
	if (fd < 0) {
		int err = refuse(b->options->output, errno);
		free(b->draft);
		b->draft = NULL;
		return err;
	}
	mode_t mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
	close(fd);
	return 0;
}

static int make_root_image(struct build *b)
{
	uint64_t bytes;
	int fd = stage_open(&b->stage, ISO_ROOT);

	if (fd < 0)
		return fd;
	int err = erofs_write(fd, &b->root.tree, &bytes);
	close(fd);
	return err;
}

static int fill_stage(struct build *b)
{
	struct text config = { 0 };
	bool has_root = options_have_program(b->options);
	int err = iso_make_config(&config, text_get(&b->cmdline.line), has_root ? ISO_ROOT : NULL);

	if (!err)
		err = stage_write(&b->stage, ISO_CONFIG, &config);
	text_free(&config);
	if (!err)
		err = stage_add(&b->stage, b->kernel, ISO_KERNEL);
	return err || !has_root ? err : make_root_image(b);
}

static int publish(struct build *b)
{
	struct stat st;

	if (rename(b->draft, b->output))
		return refuse(b->options->output, errno);
	free(b->draft);
	b->draft = NULL;
	if (b->options->verbose && !stat(b->output, &st))
		report("%s: %llu KiB", b->options->output, (unsigned long long)st.st_size >> 10);
	return 0;
}

static int make_iso(struct build *b)
{
	int err = create_draft(b);

	if (!err)
		err = stage_create(&b->stage);
	if (err)
		return err;
	if (b->options->verbose)
		report("kernel command line: %s", text_get(&b->cmdline.line));
	err = fill_stage(b);
	if (!err)
		err = iso_pack(&b->iso, b->stage.root, b->draft, b->stage.top);
	return err ? err : publish(b);
}

static void build_fini(struct build *b)
{
	stage_remove(&b->stage);
	if (b->draft)
		unlink(b->draft);
	free(b->draft);
	free(b->output);
	cmdline_free(&b->cmdline);
	program_free(&b->program);
	root_fini(&b->root);
	iso_free_tools(&b->iso);
	free(b->kernel);
}

static int make_bundle(struct build *b)
{
	struct options *o = b->options;
	const struct bundle_setup setup = {
		.options = o,
		.kernel = b->kernel,
		.line = text_get(&b->cmdline.line),
		.tree = &b->root.tree,
	};
	uint64_t image_bytes = erofs_write_estimate(&b->root.tree);

	memory_choose(o, image_bytes);
	int err = memory_check(o, &b->program, b->kernel_bytes, image_bytes);
	return err ? err : bundle_write(&setup);
}

int command_build(struct options *o)
{
	static const struct streams unknown = { 0 };
	struct build b = { .options = o };

	root_init(&b.root, !o->rootfs);
	int err = find_parts(&b);
	if (!err) {
		cmdline_make(&b.cmdline, o, &b.program, &unknown);
		if (options_have_program(o))
			err = pack_cmdline(&b.root, &b.program, &b.cmdline);
	}
	if (!err)
		err = o->bundle ? make_bundle(&b) : make_iso(&b);
	build_fini(&b);
	if (!err)
		return EXIT_SUCCESS;
	return signals_ending() ? EXIT_SIGNAL_BASE + signals_ending() : EXIT_CANNOT_RUN;
}
