/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which program runs, and with what: `init=` names it, else the first that there is of Linux's usual places. Its arguments are
 * those behind ` -- ` on the kernel's command line, or all of argv from the file that `args=` names; its environment is
 * Linux's for init with the command line's words, or that in the file that `env=` names. Such a file holds
 * NUL-terminated strings.
 */
#include <linux/start.h>

#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <class/tty.h>
#include <core/params.h>
#include <core/time.h>
#include <fs/path.h>
#include <fs/uio.h>
#include <linux/process.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "exec.h"
#include "exec_image.h"
#include "proc.h"

enum { STRINGS_BYTES_MAX = 6 << 20 };

/* A vector of strings and the memory it lies in. */
struct strings {
	char **list;
	char *text;
};

static void strings_free(struct strings *s)
{
	mem_free(s->list);
	mem_free(s->text);
}

static int read_all(struct file *file, char *buffer, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, buffer, bytes);
	while (uio.left) {
		ssize_t n = file_read(file, &uio);

		if (n <= 0)
			return n ? (int)n : -EIO;
	}
	return 0;
}

/* Points at each of the strings in `bytes` bytes of out->text, the last of which may lack its NUL. */
static int split(struct strings *out, size_t bytes)
{
	size_t count = 0;

	out->text[bytes] = 0;
	for (size_t at = 0; at < bytes; at += strlen(out->text + at) + 1)
		count++;
	out->list = mem_alloc((count + 1) * sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	count = 0;
	for (size_t at = 0; at < bytes; at += strlen(out->text + at) + 1)
		out->list[count++] = out->text + at;
	out->list[count] = NULL;
	return 0;
}

static int read_strings(const struct path_context *paths, const char *path, struct strings *out)
{
	struct inode_attr attr;
	struct file *file;
	int err = path_open(paths, NULL, path, O_RDONLY, 0, &file);

	if (err)
		return err;
	err = file_getattr(file, &attr);
	if (!err && attr.size > STRINGS_BYTES_MAX)
		err = -E2BIG;
	if (!err) {
		out->text = mem_alloc(attr.size + 1);
		err = out->text ? read_all(file, out->text, attr.size) : -ENOMEM;
	}
	if (!err)
		err = split(out, attr.size);
	file_put(file);
	return err;
}

static size_t count_of(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* argv: the program's name, then what the command line has. */
static int make_args(const char *path, struct strings *out)
{
	char *const *words = params_args();
	const char *name = params_get("argv0");
	size_t count = count_of(words);

	out->list = mem_alloc((count + 2) * sizeof(*out->list));
	out->text = mem_strdup(name && *name ? name : path);
	if (!out->list || !out->text)
		return -ENOMEM;
	out->list[0] = out->text;
	memcpy(out->list + 1, words, (count + 1) * sizeof(*out->list));
	return 0;
}

static bool has_variable(char *const *env, const char *name)
{
	size_t length = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, length) && (*env)[length] == '=')
			return true;
	return false;
}

/* Whether there may be a terminal, as far as the command line says what the streams are (`stdin=pipe`). */
static bool may_have_terminal(void)
{
	static const char *const streams[] = { "stdin", "stdout" };

	for (unsigned i = 0; i < countof(streams); i++) {
		const char *kind = params_get(streams[i]);

		if (kind && !strcmp(kind, "pipe"))
			return false;
	}
	return true;
}

/* As Linux starts init: HOME and TERM unless given, but no TERM where there is no terminal. */
static int make_env(struct strings *out)
{
	static const char defaults[] = "HOME=/\0TERM=linux";
	char *const *words = params_env();
	size_t count = count_of(words), n = 0;

	out->text = mem_alloc(sizeof(defaults));
	out->list = mem_alloc((count + 3) * sizeof(*out->list));
	if (!out->list || !out->text)
		return -ENOMEM;
	memcpy(out->text, defaults, sizeof(defaults));
	if (!has_variable(words, "HOME"))
		out->list[n++] = out->text;
	if (!has_variable(words, "TERM") && may_have_terminal())
		out->list[n++] = out->text + sizeof("HOME=/");
	memcpy(out->list + n, words, (count + 1) * sizeof(*out->list));
	return 0;
}

static int from_file(const struct path_context *paths, const char *parameter, struct strings *out)
{
	const char *path = params_get(parameter);
	int err = read_strings(paths, path, out);

	if (err)
		log_error("cannot read %s, which %s= names: error %d", path, parameter, -err);
	return err;
}

static bool exists(const struct path_context *paths, const char *path)
{
	struct inode *inode;

	if (path_lookup(paths, NULL, path, 0, &inode))
		return false;
	inode_put(inode);
	return true;
}

static const char *choose_program(const struct path_context *paths)
{
	static const char *const places[] = { "/init", "/sbin/init", "/etc/init", "/bin/init",
					      "/bin/sh" };
	const char *asked = params_get("init");

	if (asked && *asked)
		return asked;
	for (unsigned i = 0; i < countof(places); i++)
		if (exists(paths, places[i]))
			return places[i];
	return NULL;
}

static int load(struct task *task, const char *path)
{
	struct process *process = task->process;
	struct strings args = { 0 }, env = { 0 };
	struct program program = { .path = path, .at_start = true };
	struct loaded_program loaded;
	const char *why;
	int err = exec_open(&process->paths, NULL, path, 0, &program.file, &why);

	if (err) {
		log_error("cannot run %s: it %s", path, why);
		return err;
	}
	err = params_get("args") ? from_file(&process->paths, "args", &args)
				 : make_args(path, &args);
	if (!err)
		err = params_get("env") ? from_file(&process->paths, "env", &env) : make_env(&env);
	if (!err) {
		program.args = args.list;
		program.env = env.list;
		err = program_load(process, &program, &loaded);
	}
	if (!err) {
		program_install(task, path, &loaded);
		task->start_regs = loaded.regs;
	}
	file_put(program.file);
	strings_free(&args);
	strings_free(&env);
	return err;
}

/* Keys typed at the console (interrupt context): to the first process, whose terminal it is. */
static void console_signal(int signo)
{
	struct process *process = process_find(1);

	if (process)
		signal_post_process(process, signo);
}

int linux_start(void)
{
	struct task *task;
	int err = process_create_first(&task);

	if (!err)
		err = proc_register();
	if (err) {
		log_error("cannot make the first process: error %d", -err);
		return err;
	}

	const char *path = choose_program(&task->process->paths);
	if (!path) {
		log_error("there is no program to run: no init= on the command line, and no /init "
			  "in the image");
		err = -ENOENT;
	} else {
		err = load(task, path);
	}
	if (err) {
		process_destroy_first(task);
		return err;
	}
	task->thread.trace = params_flag("strace");
	tty_set_signal_hook(console_signal);
	log_info("starting %s", path);
	task_start(task);
	return 0;
}
