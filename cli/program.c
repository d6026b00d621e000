/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the program's file in the root, checks it, and follows the first line of a script. */
#include "program.h"

#include "elf_check.h"
#include "path.h"
#include "report.h"
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPTS_MAX = 5 }; /* Linux, fs/exec.c: more levels of #! give ELOOP */

/* Where a name without a slash is looked for in a rootfs, as a shell in it would. */
static const char rootfs_directories[] = ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

struct finder {
	struct program *program;
	struct root *root;
	const char *name; /* what messages are about */
	const struct strings *env;
	unsigned scripts;
};

static int refuse(const char *name, int err)
{
	report("%s: %s", name, strerror(err));
	return -err;
}

static char *join(const char *directory, size_t bytes, const char *name)
{
	return format_string("%.*s%s%s", (int)bytes, directory, !bytes && *name == '/' ? "" : "/",
			     name);
}

/* The first of the directories that has the command. NULL with errno set. */
static char *search_root(struct root *r, const char *directories, const char *name)
{
	struct found found;
	int err = -ENOENT;

	for (;; directories++) {
		size_t bytes = strcspn(directories, ":");
		char *path = join(directories, bytes, name);
		int missed = root_find(r, path, &found);

		if (!missed) {
			free(found.path);
			if (S_ISREG(found.mode))
				return path;
			missed = S_ISDIR(found.mode) ? -EISDIR : -EINVAL;
		}
		free(path);
		if (missed != -ENOENT && missed != -ENOTDIR)
			err = missed;
		directories += bytes;
		if (!*directories)
			break;
	}
	errno = -err;
	return NULL;
}

static int check_there(struct root *r, const char *path)
{
	struct found found;
	int err = root_find(r, path, &found);

	if (!err)
		free(found.path);
	return err;
}

/* As a shell on the host would find it: here, then in $PATH. */
static char *locate_on_host(struct root *r, const char *name)
{
	char *directory = getcwd(NULL, 0);
	char *path = name[0] == '/' || !directory ? format_string("%s", name)
						  : format_string("%s/%s", directory, name);
	int err = check_there(r, path);

	free(directory);
	if (!err)
		return path;
	free(path);
	errno = -err;
	if (err != -ENOENT || strchr(name, '/'))
		return NULL;
	char *command = path_find_command(name);
	path = command ? path_absolute(command) : NULL;
	free(command);
	return path;
}

/* The command's path in the root, as the user means it; NULL with errno set. */
static char *locate_command(struct root *r, const char *name, const char *rootfs)
{
	if (!rootfs)
		return locate_on_host(r, name);
	if (!strchr(name, '/'))
		return search_root(r, rootfs_directories, name);
	char *path = join("", 0, name);
	int err = check_there(r, path);
	if (!err)
		return path;
	free(path);
	errno = -err;
	return NULL;
}

/* Its directory without links, its name with: that decides what programs of several names do. */
static char *plain_path(struct root *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = join(path, (size_t)(slash - path), "");
	struct found found;
	int err = root_find(r, directory, &found);

	free(directory);
	errno = -err;
	if (err)
		return NULL;
	char *plain = format_string("%s/%s", strcmp(found.path, "/") ? found.path : "", slash + 1);
	free(found.path);
	return plain;
}

static int check_file(struct finder *f, const char *path);

static const char *search_path(const struct strings *env)
{
	for (size_t i = 0; i < env->count; i++) {
		if (!strncmp(env->items[i], "PATH=", 5))
			return env->items[i] + 5;
	}
	return "/bin:/usr/bin";
}

static bool is_env(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, "env");
}

static int check_env_command(struct finder *f, const char *argument)
{
	char *command = script_env_command(argument);

	if (!command)
		return 0;
	char *path = strchr(command, '/') ? join("", 0, command)
					  : search_root(f->root, search_path(f->env), command);
	int err = path ? check_file(f, path) : -errno;
	if (!path)
		report("%s: its interpreter %s: %s", f->name, command, strerror(-err));
	free(path);
	free(command);
	return err;
}

static int check_script(struct finder *f, const struct script *s)
{
	if (!s->interpreter) {
		report("%s: a script without an interpreter in its first line", f->name);
		return -ENOEXEC;
	}
	if (++f->scripts > SCRIPTS_MAX)
		return refuse(f->name, ELOOP);
	char *path = join("", 0, s->interpreter);
	int err = check_file(f, path);
	if (!err && is_env(s->interpreter))
		err = check_env_command(f, s->argument);
	free(path);
	return err;
}

static int check_content(struct finder *f, const char *path, const struct mapping *m)
{
	struct elf_facts facts;
	struct script script;

	if (m->bytes && script_read(m->data, m->bytes, &script)) {
		int err = check_script(f, &script);

		script_free(&script);
		return err;
	}
	int err = elf_check(m->data, m->bytes, &facts);
	if (err && f->scripts)
		report("%s: its interpreter %s: %s", f->name, path, facts.why);
	else if (err)
		report("%s: %s", f->name, facts.why);
	f->program->writable_bytes += facts.writable_bytes;
	if (!err)
		strings_add(&f->program->binaries, path);
	return err;
}

static int refuse_path(const struct finder *f, const char *path, const char *why, int err)
{
	if (f->scripts)
		report("%s: its interpreter %s: %s", f->name, path, why);
	else
		report("%s: %s", f->name, why);
	return err;
}

static int check_found(struct finder *f, const char *named, const struct found *found)
{
	struct mapping mapping;
	struct node *node;

	if (S_ISDIR(found->mode))
		return refuse_path(f, named, strerror(EISDIR), -EISDIR);
	if (!S_ISREG(found->mode))
		return refuse_path(f, named, "not a regular file", -EINVAL);
	int err = root_import_alone(f->root, named, &node);
	if (!err)
		err = tree_map(&f->root->tree, node, &mapping);
	if (err)
		return refuse_path(f, named, strerror(-err), err);
	err = check_content(f, found->path, &mapping);
	tree_unmap(&mapping);
	if (!err && !(found->mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return refuse_path(f, named, "not marked executable (chmod +x makes it so)",
				   -EACCES);
	return err;
}

static int check_file(struct finder *f, const char *path)
{
	struct found found;
	int err = root_find(f->root, path, &found);

	if (err)
		return refuse_path(f, path, strerror(-err), err);
	err = check_found(f, path, &found);
	free(found.path);
	return err;
}

/* /proc/self/exe and /dev/fd/3 are links to files elsewhere, which the machine can have. */
static int follow_hidden(struct program *p, struct root *r)
{
	struct found found;
	int err = root_find(r, p->guest_path, &found);

	if (err)
		return err;
	free(p->guest_path);
	p->guest_path = found.path;
	return 0;
}

static int check_program(struct finder *f)
{
	struct program *p = f->program;
	int err = path_hidden_by(p->guest_path) ? follow_hidden(p, f->root) : 0;

	if (err)
		return refuse(f->name, -err);
	err = check_file(f, p->guest_path);
	const char *hidden = path_hidden_by(p->guest_path);
	if (err || !hidden)
		return err;
	report("%s: cannot be run there: %s is the kernel's own in the machine", f->name, hidden);
	return -EINVAL;
}

int program_find(struct program *p, struct root *r, const char *name, const char *rootfs,
		 const struct strings *env)
{
	struct finder f = { .program = p, .root = r, .name = name, .env = env };

	*p = (struct program){ 0 };
	char *path = locate_command(r, name, rootfs);
	p->guest_path = path ? plain_path(r, path) : NULL;
	free(path);
	if (p->guest_path)
		return check_program(&f);
	int err = errno;
	if (rootfs)
		report("%s: %s in the root directory %s", name, strerror(err), rootfs);
	else
		report("%s: %s", name, strerror(err));
	return -err;
}

void program_free(struct program *p)
{
	free(p->guest_path);
	strings_free(&p->binaries);
}
