/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Program loading (execve(2)): goes from scripts to their interpreters, finds the program's files and checks them; then exec_space.c
 * maps them.
 */
#include "loader.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "calls.h"
#include "exec_script.h"

/* A script that was gone through: its line, and the arguments that it gives its interpreter. */
struct script {
	struct script *next;
	char line[SCRIPT_LINE_BYTES];
	char *args[];
};

int loader_refuse(const struct loader *l, int err, const char *why)
{
	if (l->program->at_start)
		log_error("cannot run %s: it %s", l->program->path, why);
	return err;
}

/* execve(2) tells a program only an error that looks as if the program itself were missing. */
static int refuse_interpreter(const struct loader *l, int err, const char *path, const char *why)
{
	log_error("cannot run %s: its interpreter %s %s", l->program->path, path, why);
	return err;
}

/* --- scripts --- */

static size_t count_of(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* Goes from the script that l->image.file is to its interpreter. `name` is the script's. */
static int enter_script(struct loader *l, struct script *script, const char **name)
{
	const char *why;
	char *path, *argument;
	char *const *rest = l->args[0] ? l->args + 1 : l->args; /* the name it was called by goes */
	size_t n = 0;
	int err = script_parse(script->line, &path, &argument);

	if (err)
		return loader_refuse(l, err, "is a script whose first line names no interpreter");
	if (l->program->path_closes)
		return -ENOENT;
	script->args[n++] = path;
	if (argument)
		script->args[n++] = argument;
	script->args[n++] = (char *)*name;
	memcpy(script->args + n, rest, (count_of(rest) + 1) * sizeof(*rest));
	l->args = script->args;
	*name = path;
	file_put(l->image.file);
	l->image.file = NULL;
	err = exec_open(&l->process->paths, NULL, path, 0, &l->image.file, &why);
	if (!err) {
		err = file_deny_write(l->image.file);
		why = "is open for writing";
	}
	return err ? refuse_interpreter(l, err, path, why) : 0;
}

/* Reads how the file begins; `*out` NULL: it is no script. */
static int read_script(struct loader *l, struct script **out)
{
	char magic[2] = { 0, 0 };
	struct inode_attr attr;
	int err = file_getattr(l->image.file, &attr);

	*out = NULL;
	if (!err && attr.size >= sizeof(magic))
		err = exec_read(l->image.file, 0, magic, sizeof(magic));
	if (err || !script_is(magic))
		return err;
	*out = mem_zalloc(sizeof(**out) + (count_of(l->args) + 4) * sizeof(char *));
	if (!*out)
		return -ENOMEM;
	(*out)->next = l->scripts;
	l->scripts = *out;
	return exec_read(l->image.file, 0, (*out)->line,
			 min(attr.size, (uint64_t)SCRIPT_LINE_BYTES));
}

static int follow_scripts(struct loader *l)
{
	const char *name = l->program->path;
	struct script *script;

	for (unsigned depth = 0;; depth++) {
		int err = read_script(l, &script);

		if (err)
			return loader_refuse(l, err, "cannot be read");
		if (!script)
			return 0;
		if (depth == SCRIPT_DEPTH_MAX)
			return loader_refuse(l, -ELOOP, "is a script of scripts without end");
		err = enter_script(l, script, &name);
		if (err)
			return err;
	}
}

/* --- files --- */

static int open_interpreter(struct loader *l)
{
	const struct elf_image *elf = &l->image.elf;
	const char *why;

	if (!elf->interpreter_bytes)
		return 0;
	l->interpreter_path = mem_alloc(elf->interpreter_bytes);
	if (!l->interpreter_path)
		return -ENOMEM;
	int err = exec_read(l->image.file, elf->interpreter_offset, l->interpreter_path,
			    elf->interpreter_bytes);
	if (err)
		return loader_refuse(l, err, "cannot be read");
	if (l->interpreter_path[elf->interpreter_bytes - 1])
		return loader_refuse(l, -ENOEXEC, elf_result_text(ELF_BAD_INTERPRETER));
	err = exec_open(&l->process->paths, NULL, l->interpreter_path, 0, &l->interpreter.file,
			&why);
	if (!err)
		err = exec_image_read(&l->interpreter, &why);
	if (err)
		return refuse_interpreter(l, err == -ENOEXEC ? -ELIBBAD : err, l->interpreter_path,
					  why);
	return 0;
}

static uint64_t writable_bytes(const struct exec_image *image)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < image->header.table_count; i++)
		if (image->table[i].type == ELF_LOAD && image->table[i].flags & ELF_WRITE)
			bytes += align_up(image->table[i].memory_bytes, PAGE_SIZE);
	return bytes;
}

/* What is only read stays in the image; what may be written needs memory of the machine. */
static int check_memory(const struct loader *l)
{
	uint64_t needed = writable_bytes(&l->image) + writable_bytes(&l->interpreter);
	uint64_t free = pages_stats().free_bytes;

	if (needed <= free)
		return 0;
	if (l->program->at_start)
		log_error("cannot run %s: its data needs %llu MiB of memory, %llu MiB are free; "
			  "give the machine more",
			  l->program->path, (unsigned long long)((needed + (1 << 20) - 1) >> 20),
			  (unsigned long long)(free >> 20));
	return -ENOMEM;
}

static int open_files(struct loader *l)
{
	const char *why;
	int err = follow_scripts(l);

	if (err)
		return err;
	err = exec_image_read(&l->image, &why);
	if (err)
		return loader_refuse(l, err, why);
	err = open_interpreter(l);
	return err ? err : check_memory(l);
}

static int load(struct loader *l)
{
	int err = file_deny_write(l->image.file);

	if (err)
		return loader_refuse(l, err, "is open for writing");
	err = open_files(l);
	if (err)
		return err;
	l->out->credentials = l->process->credentials;
	exec_credentials(&l->out->credentials, l->image.file);
	l->out->space = space_create();
	err = l->out->space ? loader_fill_space(l) : -ENOMEM;
	if (err == -ENOMEM)
		return loader_refuse(l, err, "does not fit into memory; give the machine more");
	if (err && err != -E2BIG && l->program->at_start)
		log_error("cannot run %s: error %d while it was mapped", l->program->path, -err);
	if (!err)
		l->out->exe = file_get(l->image.file);
	return err;
}

int program_load(struct process *process, const struct program *program, struct loaded_program *out)
{
	struct loader l = {
		.process = process,
		.program = program,
		.out = out,
		.image.file = file_get(program->file),
		.args = program->args,
		.randomise = !params_flag("norandmaps") && !params_flag("nokaslr"),
	};

	*out = (struct loaded_program){ .space = NULL };
	int err = load(&l);
	exec_image_fini(&l.image);
	exec_image_fini(&l.interpreter);
	mem_free(l.interpreter_path);
	for (struct script *next, *script = l.scripts; script; script = next) {
		next = script->next;
		mem_free(script);
	}
	if (err)
		space_put(out->space);
	return err;
}

void program_install(struct task *task, const char *path, const struct loaded_program *loaded)
{
	struct process *process = task->process;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	process->space = loaded->space;
	process->exe = loaded->exe;
	process->layout = loaded->layout;
	/* The groups stay those of the process: another task may have set them since. */
	struct credentials credentials = loaded->credentials;
	credentials.groups = process->credentials.groups;
	credentials.group_count = process->credentials.group_count;
	process->credentials = credentials;
	memset(task->name, 0, sizeof(task->name));
	memcpy(task->name, name, strnlen(name, TASK_NAME_BYTES - 1));
}
