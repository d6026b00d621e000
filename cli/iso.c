/* SPDX-License-Identifier: BSD-3-Clause */
/* Bootable ISO images by way of grub-mkrescue, with no more of GRUB than is needed. */
#include "iso.h"

#include "child.h"
#include "path.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRUB_DIRECTORY "/usr/lib/grub"

/*
 * What these need is taken along by grub-mkrescue, whose own start-up script for UEFI loads every kind
 * of partition table there is and complains on the console about those that are missing.
 */
#define GRUB_MODULES                                                                              \
	"normal multiboot2 iso9660 part_acorn part_amiga part_apple part_bsd part_dfly part_dvh " \
	"part_gpt part_msdos part_plan part_sun part_sunpc"

static int check_command(const char *name, const char *package)
{
	char *path = path_find_command(name);

	if (!path)
		report("%s: not found; install the package %s", name, package);
	free(path);
	return path ? 0 : -ENOENT;
}

static int check_directory(const char *path, const char *package)
{
	if (!access(path, R_OK))
		return 0;
	report("%s: not found; install the package %s", path, package);
	return -ENOENT;
}

int iso_find_tools(struct iso_tools *t)
{
	int err = check_command("grub-mkrescue", "grub-common");

	if (!err)
		err = check_command("xorriso", "xorriso");
	if (!err)
		err = check_command("mformat", "mtools");
	if (!err)
		err = check_directory(GRUB_DIRECTORY "/i386-pc", "grub-pc-bin");
	if (!err)
		err = check_directory(GRUB_DIRECTORY "/x86_64-efi", "grub-efi-amd64-bin");
	t->mkrescue = err ? NULL : path_find_command("grub-mkrescue");
	return err;
}

void iso_free_tools(struct iso_tools *t)
{
	free(t->mkrescue);
}

int iso_make_config(struct text *config, const char *line, const char *root)
{
	text_printf(config, "set timeout=0\nmultiboot2 " ISO_KERNEL);
	while (*line) {
		size_t bytes = strcspn(line, " ");

		for (size_t i = 0; i < bytes; i++) {
			if (line[i] >= ' ' && line[i] != 0x7f && !strchr("\"'\\", line[i]))
				continue;
			report("'%.*s': quotes, backslashes and control characters cannot be "
			       "handed "
			       "through GRUB",
			       (int)bytes, line);
			return -EINVAL;
		}
		if (bytes)
			text_printf(config, " '%.*s'", (int)bytes, line);
		line += bytes + (line[bytes] == ' ');
	}
	if (root)
		text_printf(config, "\nmodule2 %s", root);
	text_printf(config, "\nboot\n");
	return 0;
}

int iso_pack(const struct iso_tools *t, const char *directory, const char *output,
	     const char *tmpdir)
{
	const char *argv[] = {
		t->mkrescue, "-o",         output,     "--install-modules=" GRUB_MODULES,
		"--themes=", "--locales=", "--fonts=", "--compress=xz",
		directory,   NULL
	};
	const struct child_setup setup = {
		.argv = (char *const *)argv,
		.in = -1,
		.out = -1,
		.env = { "TMPDIR", tmpdir },
	};

	return child_run(&setup, "grub-mkrescue");
}
