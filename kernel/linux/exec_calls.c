/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * execve(2) and execveat(2): a new program in the process's place. All that can fail is done before anything changes; then the other
 * tasks end, and the process takes over what was loaded.
 */
#include <base/format.h>
#include <base/string.h>
#include <hal/memory.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"
#include "exec.h"
#include "exec_image.h"
#include "program_stack.h"
#include "timers.h"

/* --- what the caller gives --- */

/* A vector of the program's, copied. Its texts lie one behind the other, and are pointed at when all are there. */
struct vector {
	char *text;
	size_t used, size;
	size_t *offsets;
	char **list;
	size_t count, room;
};

enum { TEXT_FIRST = 2048, ROOM_FIRST = 64, STRING_MAX = 128 * 1024 };
#define VECTOR_BYTES_MAX ((size_t)6 << 20) /* the most that ever fits on a stack */

static void vector_free(struct vector *v)
{
	mem_free(v->text);
	mem_free(v->offsets);
	mem_free(v->list);
}

static int make_room(struct vector *v)
{
	size_t room = max(v->room * 2, (size_t)ROOM_FIRST);
	size_t *offsets = mem_resize(v->offsets, room * sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	v->offsets = offsets;
	v->room = room;
	return 0;
}

static int make_text_room(struct vector *v)
{
	size_t size = max(v->size * 2, (size_t)TEXT_FIRST);
	char *text = mem_resize(v->text, size);

	if (!text)
		return -ENOMEM;
	v->text = text;
	v->size = size;
	return 0;
}

static int add_string(struct vector *v, uintptr_t address)
{
	ssize_t length = -ENAMETOOLONG;

	if (v->count == v->room && make_room(v))
		return -ENOMEM;
	while (length == -ENAMETOOLONG) {
		size_t left = v->size - v->used;

		if (left)
			length = user_read_string(v->text + v->used, address,
						  min(left, (size_t)STRING_MAX));
		if (length != -ENAMETOOLONG)
			break;
		if (left >= STRING_MAX || v->size >= VECTOR_BYTES_MAX)
			return -E2BIG;
		if (make_text_room(v))
			return -ENOMEM;
	}
	if (length < 0)
		return (int)length;
	v->offsets[v->count++] = v->used;
	v->used += (size_t)length + 1;
	return v->used + v->count * sizeof(uintptr_t) > VECTOR_BYTES_MAX ? -E2BIG : 0;
}

static int point_at_strings(struct vector *v)
{
	v->list = mem_alloc((v->count + 1) * sizeof(*v->list));
	if (!v->list)
		return -ENOMEM;
	for (size_t i = 0; i < v->count; i++)
		v->list[i] = v->text + v->offsets[i];
	v->list[v->count] = NULL;
	return 0;
}

/* NULL counts as an empty vector. `address` is read a pointer at a time: how long it is shows only at its end. */
static int vector_read(struct vector *v, uintptr_t address)
{
	uintptr_t string;
	int err = 0;

	for (; address && !err; address += sizeof(string)) {
		if (user_read(&string, address, sizeof(string)))
			return -EFAULT;
		if (!string)
			break;
		err = add_string(v, string);
	}
	return err ? err : point_at_strings(v);
}

struct request {
	struct user_path path;
	char *name; /* [owned] "/dev/fd/N..." of what is found from a descriptor; NULL: it is the path */
	struct vector args, env;
	struct program program;
};

static void request_fini(struct request *r)
{
	file_put(r->program.file);
	mem_free(r->name);
	vector_free(&r->args);
	vector_free(&r->env);
	user_path_put(&r->path);
}

/* --- what is to be run --- */

static int open_descriptor(struct request *r, long fd)
{
	struct file *file = fd_file(fd);
	const char *why;

	if (!file)
		return -EBADF;
	bool regular = file->inode && (file->inode->mode & S_IFMT) == S_IFREG;
	int err = regular ? exec_check_file(file, &why) : -EACCES;
	if (!err)
		err = file_open_inode(file->inode, O_RDONLY, &r->program.file);
	if (!err && file->path)
		r->program.file->path = mem_strdup(file->path);
	file_put(file);
	return err;
}

static int open_path(struct request *r, long fd, unsigned flags)
{
	struct file *file;
	struct inode *base;
	const char *why;
	int err = base_directory(fd, r->path.text, &file, &base);

	if (err)
		return err;
	err = exec_open(&process_current()->paths, base, r->path.text,
			flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0, &r->program.file, &why);
	file_put(file);
	return err;
}

/* The name by which the program, or the interpreter of a script, may find its file (fs/exec.c, alloc_bprm()). */
static int name_by_descriptor(struct request *r, long fd)
{
	enum { PREFIX_BYTES = 32 };
	const char *path = r->path.text;
	size_t bytes = PREFIX_BYTES + strlen(path);

	r->name = mem_alloc(bytes);
	if (!r->name)
		return -ENOMEM;
	format(r->name, bytes, "/dev/fd/%d%s%s", (int)fd, *path ? "/" : "", path);
	r->program.path = r->name;
	r->program.path_closes = fd_flags(process_current()->files, (int)fd) == 1;
	return 0;
}

static int find_program(struct request *r, long fd, unsigned flags)
{
	bool by_descriptor = (int)fd != AT_FDCWD && r->path.text[0] != '/';
	int err;

	r->program.path = r->path.text;
	if (!r->path.text[0] && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (!r->path.text[0] && !by_descriptor)
		return -EACCES; /* the working directory */
	err = r->path.text[0] ? open_path(r, fd, flags) : open_descriptor(r, fd);
	return err || !by_descriptor ? err : name_by_descriptor(r, fd);
}

static int read_request(struct request *r, long fd, const long addresses[3], unsigned flags)
{
	static char empty[] = "";
	static char *const empty_list[] = { empty, NULL };
	int err = find_program(r, fd, flags);

	if (!err)
		err = vector_read(&r->args, (uintptr_t)addresses[1]);
	if (!err)
		err = vector_read(&r->env, (uintptr_t)addresses[2]);
	if (err)
		return err;
	/* A program without a name for itself is a trap for programs, and so gets an empty one, as on Linux. */
	r->program.args = r->args.count ? r->args.list : empty_list;
	r->program.env = r->env.list;
	return 0;
}

/* --- the change --- */

void exec_credentials(struct credentials *c, struct file *file)
{
	enum { SET_UID = 04000, SET_GID = 02010, GROUP_EXECUTE = 010 };
	struct inode_attr attr;

	if (!c->no_new_privileges && !file_getattr(file, &attr)) {
		if (attr.mode & SET_UID)
			c->euid = attr.uid;
		if ((attr.mode & SET_GID) == SET_GID)
			c->egid = attr.gid;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	bool root = !c->uid || !c->euid;
	c->permitted = root ? c->bounding | c->inheritable : c->ambient;
	c->effective = !c->euid ? c->permitted : c->ambient;
	if (root)
		c->ambient = 0;
}

static void reset_signals(struct task *task)
{
	struct signal_handlers *handlers = task->process->handlers;

	spin_lock(&handlers->lock);
	for (int i = 0; i < SIGNAL_MAX; i++) {
		bool ignored = handlers->actions[i].handler == SIGNAL_IGNORE;

		handlers->actions[i] = (struct signal_action){
			.handler = ignored ? SIGNAL_IGNORE : SIGNAL_DEFAULT
		};
	}
	spin_unlock(&handlers->lock);
	task->stack = (struct signal_stack){ .flags = SS_DISABLE };
}

static void reset_process(struct task *task)
{
	struct process *process = task->process;

	timers_delete_created(process);
	reset_signals(task);
	fd_close_on_exec(process->files);
	process->keep_capabilities = false;
	process->not_dumpable = false;
	task->clear_child_tid = 0;
	task->robust_list = 0;
	task->restart = (struct restart_state){ .fn = NULL };
}

static void enter_program(struct task *task, const struct loaded_program *loaded)
{
	task->thread.mmu = &task->process->space->mmu;
	mmu_activate(task->thread.mmu);
	fpu_reset();
	user_set_fs_base(0);
	user_set_gs_base(0);
	*user_regs() = loaded->regs;
	user_regs_changed();
}

/* What the task is called by: a descriptor's number says nothing. */
static const char *own_name(const struct request *r)
{
	const char *path = r->program.file->path;

	return r->path.text[0] || !path ? r->program.path : path;
}

static void commit(const struct request *r, struct loaded_program *loaded)
{
	struct task *task = task_current();
	struct process *process = task->process;
	struct space *space = process->space;
	struct file *exe = process->exe;

	task_release_user_state(task);
	program_install(task, own_name(r), loaded);
	enter_program(task, loaded);
	space_put(space);
	file_put(exe);
	reset_process(task);
}

static int replace_program(const struct request *r)
{
	struct loaded_program loaded;
	int err = program_load(process_current(), &r->program, &loaded);

	if (err)
		return err;
	err = process_end_other_tasks();
	if (err) {
		space_put(loaded.space);
		file_put(loaded.exe);
		return err;
	}
	commit(r, &loaded);
	return 0;
}

long sys_execveat(long fd, long path, long args, long env, long flags)
{
	struct request r = { .args.count = 0 };

	if ((int)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = user_path_get(&r.path, path);
	if (err)
		return err;
	err = read_request(&r, fd, (const long[]){ path, args, env }, (unsigned)flags);
	if (!err)
		err = replace_program(&r);
	request_fini(&r);
	return err;
}

long sys_execve(long path, long args, long env)
{
	return sys_execveat(AT_FDCWD, path, args, env, 0);
}
