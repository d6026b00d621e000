/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the root image. A --rootfs to which nothing has to be added is packed where it is; everything
 * else is staged first.
 */
#include "image.h"

#include "child.h"
#include "path.h"
#include "report.h"
#include "signals.h"
#include "stage.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same input gives the same image. */
#define IMAGE_UUID "63617075-6368-496e-8000-000000000001"

#define SMALL_BYTES ((uint64_t)8 << 20)

/* Mount points and what programs take for granted. */
static const struct {
	const char *path;
	unsigned mode;
} needed_directories[] = {
	{ "/dev", 0755 }, { "/etc", 0755 }, { "/proc", 0555 }, { "/sys", 0555 }, { "/tmp", 01777 },
};

char *image_find_tool(void)
{
	char *path = path_find_command("mkfs.erofs");

	if (!path)
		report("mkfs.erofs: not found; install the package erofs-utils");
	return path;
}

int image_create(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	int err = errno;

	if (fd >= 0)
		return fd;
	report("cannot make a file in memory: %s", strerror(err));
	return -err;
}

/* mkfs.erofs, up to some version behind 1.8, cuts the last byte off a name of 255: then it says that it does not find the
 * file, or takes another one of the shorter name. */
static int check_names(const char *directory)
{
	char *top = format_string("%s", directory);
	char *paths[] = { top, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	int err = 0;

	for (FTSENT *entry = tree ? fts_read(tree) : NULL; entry && !err; entry = fts_read(tree)) {
		if (entry->fts_level <= 0 || entry->fts_namelen < NAME_MAX)
			continue;
		report("%s: the name has %d bytes, and mkfs.erofs takes at most %d",
		       entry->fts_path + strlen(top), NAME_MAX, NAME_MAX - 1);
		err = -ENAMETOOLONG;
	}
	if (tree)
		fts_close(tree);
	free(top);
	return err;
}

static int pack(int fd, const char *tool, const char *directory, bool keep_times)
{
	char image[32];
	/* To check the sum over the first block would be most of the cost of mounting. */
	const char *argv[] = { tool,         "--quiet",   "-x-1",
			       "--all-root", "-Enosbcrc", "-U" IMAGE_UUID,
			       image,        directory,   keep_times ? NULL : "-T0",
			       NULL };

	snprintf(image, sizeof image, "/proc/self/fd/%d", fd);
	const struct child_setup setup = {
		.argv = (char *const *)argv,
		.in = -1,
		.out = -1,
		.inherit = { fd, -1 },
	};
	int err = check_names(directory);
	return err ? err : child_run(&setup, "mkfs.erofs");
}

static bool has_directory(const char *rootfs, const char *path)
{
	struct stat st;
	char *resolved = path_in_root(rootfs, path);
	char *host = format_string("%s%s", rootfs, resolved ? resolved : path);
	bool found = resolved && !stat(host, &st) && S_ISDIR(st.st_mode);

	free(resolved);
	free(host);
	return found;
}

static bool is_complete(const struct options *o, const struct cmdline *c)
{
	if (!o->rootfs || o->additions.count || c->args_file.bytes || c->env_file.bytes ||
	    c->init_link)
		return false;
	for (size_t i = 0; i < countof(needed_directories); i++) {
		if (!has_directory(o->rootfs, needed_directories[i].path))
			return false;
	}
	return true;
}

static int add_one(struct stage *s, const char *addition)
{
	const char *colon = strchr(addition, ':');
	char *host = colon ? strndup(addition, (size_t)(colon - addition)) : strdup(addition);
	char *guest = colon ? path_normalise("/", colon + 1) : path_absolute(addition);
	int err = -ENOMEM;

	if (!host)
		report_out_of_memory();
	if (guest)
		err = stage_add(s, host, guest);
	else
		report("%s: %s", addition, strerror(errno));
	free(host);
	free(guest);
	return err;
}

static int add_files(struct stage *s, const struct program *p, const struct cmdline *c)
{
	int err = 0;

	if (c->args_file.bytes)
		err = stage_write(s, FILE_ARGS, &c->args_file);
	if (!err && c->env_file.bytes)
		err = stage_write(s, FILE_ENV, &c->env_file);
	if (!err && c->init_link)
		err = stage_link(s, FILE_INIT, p->guest_path);
	return err;
}

static int add_needed_directories(struct stage *s)
{
	int err = 0;

	for (size_t i = 0; !err && i < countof(needed_directories); i++)
		err = stage_directory(s, needed_directories[i].path, needed_directories[i].mode);
	return err;
}

/* A rootfs comes before the directories, since its /tmp may be a link; a program's path may lie in one. */
static int stage_all(struct stage *s, const struct options *o, const struct program *p,
		     const struct cmdline *c)
{
	int err = o->rootfs ? stage_add(s, o->rootfs, "/") : 0;

	if (!err)
		err = add_needed_directories(s);
	if (!err && !o->rootfs)
		err = stage_add(s, p->host_path, p->guest_path);
	for (size_t i = 0; !err && i < o->additions.count; i++)
		err = add_one(s, o->additions.items[i]);
	return err ? err : add_files(s, p, c);
}

/* Links save time and memory for all but a small file. */
static enum stage_size guess_size(const struct options *o, const struct program *p)
{
	bool small = !o->rootfs && !o->additions.count && p->file_bytes <= SMALL_BYTES;

	return small ? STAGE_SMALL : STAGE_LARGE;
}

int image_fill(int fd, const char *tool, const struct options *o, const struct program *p,
	       const struct cmdline *c)
{
	struct stage s;

	if (is_complete(o, c))
		return pack(fd, tool, o->rootfs, true);
	mode_t umask_before = umask(0);
	int err = stage_create(&s, guess_size(o, p));
	if (err)
		goto out;
	err = stage_all(&s, o, p, c);
	if (!err)
		err = pack(fd, tool, s.root, o->rootfs || o->additions.count);
	stage_remove(&s);
out:
	umask(umask_before);
	return err;
}
