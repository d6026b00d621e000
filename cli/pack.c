/* SPDX-License-Identifier: BSD-3-Clause */
/* The order matters: a rootfs first, since its directories may be links; then additions, in which all that follows is found. */
#include "pack.h"

#include "copy.h"
#include "libraries.h"
#include "path.h"
#include "report.h"
#include "runtimes.h"
#include "tarball.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Mount points and what programs take for granted. */
static const struct {
	const char *name;
	mode_t mode;
} needed_directories[] = {
	{ "dev", 0755 }, { "etc", 0755 }, { "proc", 0555 }, { "sys", 0555 }, { "tmp", 01777 },
};

static void add_needed_directories(struct root *r)
{
	for (size_t i = 0; i < countof(needed_directories); i++) {
		const char *name = needed_directories[i].name;

		if (tree_child(r->tree.root, name, strlen(name)))
			continue;
		tree_enter(r->tree.root, name, strlen(name),
			   tree_new(&r->tree, S_IFDIR | needed_directories[i].mode));
	}
}

static int add_rootfs(struct root *r, const char *path)
{
	struct stat st;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? copy_directory(r, path, "/") : tarball_add(r, path);
	int err = errno;
	report("%s: %s", path, strerror(err));
	return -err;
}

static void warn_of_hidden(const char *guest)
{
	char *plain = path_normalise("/", guest);
	const char *hidden = path_hidden_by(plain);

	if (hidden)
		report("%s: the program will not see this: %s is the kernel's own there", guest,
		       hidden);
	free(plain);
}

static int add_one(struct root *r, const char *addition)
{
	const char *colon = strchr(addition, ':');
	char *host = colon ? format_string("%.*s", (int)(colon - addition), addition)
			   : format_string("%s", addition);
	char *guest = colon ? format_string("%s", colon + 1) : path_absolute(addition);
	int err;

	if (guest) {
		warn_of_hidden(guest);
		err = root_add(r, host, guest);
	} else {
		err = -errno;
		report("%s: %s", addition, strerror(-err));
	}
	free(host);
	free(guest);
	return err;
}

static int add_libraries(struct root *r, const struct program *p, const struct options *o,
			 const struct strings *env)
{
	struct libraries l;
	int err = 0;

	libraries_init(&l, r, env);
	l.verbose = o->verbose;
	for (size_t i = 0; !err && i < p->binaries.count; i++)
		err = libraries_add_program(&l, p->binaries.items[i], o->args[0]);
	if (!err && r->host_below)
		err = runtimes_add(&l, p);
	if (!err && r->host_below)
		err = libraries_add_cache(&l);
	libraries_fini(&l);
	return err;
}

/* An argument that looks like a path, and names a file that only the host has, is likely to have been meant for the
 * program to read. */
static void hint_at_arguments(struct root *r, char *const *args)
{
	struct found found;
	struct stat st;

	for (; *args; args++) {
		if (**args == '-' || !strpbrk(*args, "./") || stat(*args, &st) ||
		    !S_ISREG(st.st_mode))
			continue;
		char *guest = path_normalise("/", *args);
		bool there = !root_find(r, guest, &found);
		bool packed_too = there && found.node;

		if (there)
			free(found.path);
		if (!packed_too && !path_hidden_by(guest))
			report("%s is not in the machine; --add %s:%s would put it there", *args,
			       *args, guest);
		free(guest);
	}
}

int pack_root(struct root *r, struct program *p, const struct options *o, const struct strings *env)
{
	int err;

	*p = (struct program){ 0 };
	err = o->rootfs ? add_rootfs(r, o->rootfs) : 0;
	if (err)
		return err;
	add_needed_directories(r);
	for (size_t i = 0; !err && i < o->additions.count; i++)
		err = add_one(r, o->additions.items[i]);
	if (!err)
		err = program_find(p, r, o->args[0], o->rootfs, env);
	if (!err)
		err = add_libraries(r, p, o, env);
	if (!err && r->host_below)
		hint_at_arguments(r, o->args + 1);
	return err;
}

static int write_text(struct root *r, const char *guest, const struct text *content)
{
	return content->bytes ? root_write(r, guest, content->data, content->bytes) : 0;
}

int pack_cmdline(struct root *r, const struct program *p, const struct cmdline *c)
{
	int err = write_text(r, FILE_ARGS, &c->args_file);

	if (!err)
		err = write_text(r, FILE_ENV, &c->env_file);
	if (!err && c->init_link)
		err = root_link(r, FILE_INIT, p->guest_path);
	return err;
}

int pack_create_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0)
		return fd;
	int err = errno;
	report("cannot make a file in memory: %s", strerror(err));
	return -err;
}
