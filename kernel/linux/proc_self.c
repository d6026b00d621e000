/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/self: what is about the process that looks (proc(5)). */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <core/time.h>
#include <fs/root.h>
#include <linux/process.h>
#include <mm/alloc.h>

#include "proc.h"

enum { CLOCK_TICKS = 100 };
typedef unsigned long long ull;

static struct process *me(void)
{
	return process_current();
}

/* --- memory --- */

enum { MAPS_NAME_COLUMN = 73 };

static int print_area(struct procfs_buffer *b, const struct area *area)
{
	uint64_t device = 0, inode = 0;
	char line[128];
	const struct vm_object_ops *ops = area->object ? area->object->ops : NULL;

	if (ops && ops->identity)
		ops->identity(area->object, &device, &inode);
	int n = format(line, sizeof(line), "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		       (ull)area->start, (ull)area->end, area->prot & SPACE_READ ? 'r' : '-',
		       area->prot & SPACE_WRITE ? 'w' : '-', area->prot & SPACE_EXEC ? 'x' : '-',
		       area->flags & AREA_SHARED ? 's' : 'p',
		       ops ? (ull)(area->object_page << PAGE_SHIFT) : 0,
		       (unsigned)(device >> 8 & 0xfff), (unsigned)(device & 0xff), (ull)inode);
	char *name = NULL;
	if (!area->label && ops && ops->name) {
		name = mem_alloc(PATH_MAX);
		if (!name)
			return -ENOMEM;
		name[0] = 0;
		ops->name(area->object, name, PATH_MAX);
	}
	const char *label = area->label ? area->label : name ? name : "";
	int pad = *label && n < MAPS_NAME_COLUMN ? MAPS_NAME_COLUMN - n : 0;
	int err = procfs_print(b, "%s%*s%s\n", line, pad, "", label);
	mem_free(name);
	return err;
}

struct maps_walk {
	struct procfs_buffer *buffer;
	int err;
};

static bool show_area(void *context, const struct area *area)
{
	struct maps_walk *walk = context;

	walk->err = print_area(walk->buffer, area);
	return walk->err >= 0;
}

static int show_maps(struct procfs_buffer *b)
{
	struct maps_walk walk = { b, 0 };

	space_each(me()->space, show_area, &walk);
	return walk.err < 0 ? walk.err : 0;
}

static int show_statm(struct procfs_buffer *b)
{
	struct space_stats s = space_stats(me()->space);

	return procfs_print(b, "%llu %llu 0 %llu 0 %llu 0\n", (ull)(s.mapped_bytes >> PAGE_SHIFT),
			    (ull)(s.resident_bytes >> PAGE_SHIFT),
			    (ull)(s.exec_bytes >> PAGE_SHIFT),
			    (ull)((s.data_bytes + s.stack_bytes) >> PAGE_SHIFT));
}

/* Bytes as they lie in the program's memory, NULs included. */
static int show_memory(struct procfs_buffer *b, uintptr_t start, uintptr_t end)
{
	char chunk[64];

	while (start < end) {
		size_t n = min(sizeof(chunk), end - start);

		if (user_read(chunk, start, n))
			return 0; /* the program has unmapped it: nothing to show */
		for (size_t i = 0; i < n; i++) {
			int err = procfs_print(b, "%c", chunk[i]);

			if (err < 0)
				return err;
		}
		start += n;
	}
	return 0;
}

static int show_cmdline(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.args_start, me()->layout.args_end);
}

static int show_environ(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.env_start, me()->layout.env_end);
}

static int show_auxv(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.auxv_start, me()->layout.auxv_end);
}

/* --- state --- */

static int show_comm(struct procfs_buffer *b)
{
	return procfs_print(b, "%s\n", task_current()->name);
}

static int write_comm(const char *text, size_t bytes)
{
	char name[TASK_NAME_BYTES] = { 0 };

	if (bytes && text[bytes - 1] == '\n')
		bytes--;
	memcpy(name, text, min(bytes, sizeof(name) - 1));
	memcpy(task_current()->name, name, sizeof(name));
	return 0;
}

struct signal_sets {
	uint64_t ignored, caught;
};

static struct signal_sets signal_sets(const struct process *p)
{
	struct signal_sets sets = { 0, 0 };

	for (int i = 0; i < SIGNAL_MAX; i++) {
		uint64_t handler = p->handlers->actions[i].handler;

		if (handler == SIGNAL_IGNORE)
			sets.ignored |= BIT64(i);
		else if (handler != SIGNAL_DEFAULT)
			sets.caught |= BIT64(i);
	}
	return sets;
}

static int show_stat(struct procfs_buffer *b)
{
	const struct process *p = me();
	const struct task *task = task_current();
	struct space_stats s = space_stats(p->space);
	struct signal_sets sets = signal_sets(p);
	uint64_t tick = NS_PER_S / CLOCK_TICKS;
	int err = procfs_print(b,
			       "%d (%s) R %d %d %d 0 -1 4194304 0 0 0 0 %llu 0 0 0 20 %d %u 0 %llu "
			       "%llu %llu %llu ",
			       p->pid, task->name, p->parent_pid, p->group, p->session,
			       (ull)(process_cpu_time_ns(p) / tick), task->scheduling.nice, p->task_count,
			       (ull)(p->start_ns / tick), (ull)s.mapped_bytes,
			       (ull)(s.resident_bytes >> PAGE_SHIFT),
			       (ull)p->limits[RLIMIT_RSS].current);

	if (err < 0)
		return err;
	return procfs_print(b,
			    "%llu %llu %llu 0 0 %llu %llu %llu %llu 0 0 0 17 0 0 0 0 0 0 %llu %llu "
			    "%llu %llu %llu %llu %llu 0\n",
			    (ull)p->layout.code_start, (ull)p->layout.code_end, (ull)p->layout.stack_start,
			    (ull)(task->pending.set & INT32_MAX), (ull)(task->blocked & INT32_MAX),
			    (ull)(sets.ignored & INT32_MAX), (ull)(sets.caught & INT32_MAX),
			    (ull)p->layout.data_start, (ull)p->layout.data_end, (ull)p->space->brk_start,
			    (ull)p->layout.args_start, (ull)p->layout.args_end, (ull)p->layout.env_start,
			    (ull)p->layout.env_end);
}

static int show_status_memory(struct procfs_buffer *b, const struct process *p)
{
	struct space_stats s = space_stats(p->space);

	return procfs_print(b,
			    "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8u kB\n"
			    "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nVmData:\t%8llu kB\n"
			    "VmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmSwap:\t%8u kB\nThreads:\t%u\n",
			    (ull)(s.mapped_bytes >> 10), (ull)(s.mapped_bytes >> 10), 0,
			    (ull)(s.resident_bytes >> 10), (ull)(s.resident_bytes >> 10),
			    (ull)(s.data_bytes >> 10), (ull)(s.stack_bytes >> 10),
			    (ull)(s.exec_bytes >> 10), 0, p->task_count);
}

static int show_status_rights(struct procfs_buffer *b, const struct process *p)
{
	const struct credentials *c = &p->credentials;
	const struct task *task = task_current();
	struct signal_sets sets = signal_sets(p);

	return procfs_print(b,
			    "SigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n"
			    "SigIgn:\t%016llx\nSigCgt:\t%016llx\nCapInh:\t%016llx\n"
			    "CapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
			    "CapAmb:\t%016llx\nNoNewPrivs:\t%d\nSeccomp:\t0\n"
			    "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\n"
			    "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\n"
			    "nonvoluntary_ctxt_switches:\t0\n",
			    p->queued_signals, (ull)p->limits[RLIMIT_SIGPENDING].current,
			    (ull)task->pending.set, (ull)p->pending.set, (ull)task->blocked,
			    (ull)sets.ignored, (ull)sets.caught, (ull)c->inheritable,
			    (ull)c->permitted, (ull)c->effective, (ull)c->bounding, (ull)c->ambient,
			    c->no_new_privileges);
}

static int show_status(struct procfs_buffer *b)
{
	const struct process *p = me();
	const struct credentials *c = &p->credentials;
	int err = procfs_print(b,
			       "Name:\t%s\nUmask:\t%04o\nState:\tR (running)\nTgid:\t%d\nNgid:\t0\n"
			       "Pid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
			       "Gid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t",
			       task_current()->name, p->paths.umask, p->pid, task_current()->tid,
			       p->parent_pid, c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid,
			       c->sgid, c->fsgid, p->files->size);

	for (uint32_t i = 0; i < c->group_count && err >= 0; i++)
		err = procfs_print(b, "%u ", c->groups[i]);
	if (err >= 0)
		err = procfs_print(b, "\n");
	if (err >= 0)
		err = show_status_memory(b, p);
	return err < 0 ? err : show_status_rights(b, p);
}

static int show_limits(struct procfs_buffer *b)
{
	static const char names[RLIMIT_COUNT][2][22] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" },
		[RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" },
		[RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" },
		[RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" },
		[RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
		[RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
		[RLIMIT_NICE] = { "Max nice priority", "" },
		[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
		[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};
	int err = procfs_print(b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
			       "Units");

	for (unsigned i = 0; i < RLIMIT_COUNT && err >= 0; i++) {
		const uint64_t values[2] = { me()->limits[i].current, me()->limits[i].maximum };

		err = procfs_print(b, "%-25s ", names[i][0]);
		for (int j = 0; j < 2 && err >= 0; j++)
			err = values[j] == RLIM_INFINITY
				      ? procfs_print(b, "%-20s ", "unlimited")
				      : procfs_print(b, "%-20llu ", (ull)values[j]);
		if (err >= 0)
			err = procfs_print(b, "%-10s\n", names[i][1]);
	}
	return err;
}

static int show_mounts(struct procfs_buffer *b)
{
	return procfs_print(b, "rootfs / rootfs rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n"
			       "proc /proc proc rw 0 0\n");
}

static int show_mountinfo(struct procfs_buffer *b)
{
	return procfs_print(b, "1 0 0:1 / / rw - rootfs rootfs rw\n"
			       "2 1 0:2 / /dev rw - devtmpfs devtmpfs rw\n"
			       "3 1 0:3 / /proc rw - proc proc rw\n");
}

static int show_cgroup(struct procfs_buffer *b)
{
	return procfs_print(b, "0::/\n");
}

static int show_zero(struct procfs_buffer *b)
{
	return procfs_print(b, "0\n");
}

/* --- links --- */

static ssize_t put_text(const char *text, char *buffer, size_t size)
{
	size_t n = min(strlen(text), size);

	memcpy(buffer, text, n);
	return (ssize_t)n;
}

static ssize_t link_exe(char *buffer, size_t size)
{
	const struct file *exe = me()->exe;

	return exe && exe->path ? put_text(exe->path, buffer, size) : -ENOENT;
}

static int lookup_exe(const char *name, size_t length, struct inode **out)
{
	(void)name, (void)length;
	if (!me()->exe || !me()->exe->inode)
		return -ENOENT;
	*out = inode_get(me()->exe->inode);
	return 0;
}

static ssize_t link_directory(struct inode *dir, char *buffer, size_t size)
{
	ssize_t length = inode_path(dir, NULL, buffer, size);

	return length > 0 ? length - 1 : length;
}

static ssize_t link_cwd(char *buffer, size_t size)
{
	return link_directory(me()->paths.cwd, buffer, size);
}

static ssize_t link_root(char *buffer, size_t size)
{
	return link_directory(me()->paths.root, buffer, size);
}

static int lookup_cwd(const char *name, size_t length, struct inode **out)
{
	(void)name, (void)length;
	*out = inode_get(me()->paths.cwd);
	return 0;
}

static int lookup_root(const char *name, size_t length, struct inode **out)
{
	(void)name, (void)length;
	*out = inode_get(me()->paths.root);
	return 0;
}

/* --- descriptors --- */

static int list_fds(uint64_t cookie, struct dir_sink *sink)
{
	for (int fd = fd_next(me()->files, (unsigned)cookie); fd >= 0;
	     fd = fd_next(me()->files, (unsigned)fd + 1)) {
		char name[12];
		int n = format(name, sizeof(name), "%d", fd);

		if (!sink->entry(sink, name, (size_t)n, (uint64_t)fd + 0x10000, S_IFLNK,
				 (uint64_t)fd + 1))
			break;
	}
	return 0;
}

/* The file behind a name that is a descriptor's number; NULL: none. */
static struct file *file_of(const char *name, size_t length)
{
	int fd = 0;

	if (!length || length > 7 || (name[0] == '0' && length > 1))
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return NULL;
		fd = fd * 10 + (name[i] - '0');
	}
	return fd_get(me()->files, fd);
}

static int lookup_fd(const char *name, size_t length, struct inode **out)
{
	struct file *file = file_of(name, length);
	int err = !file ? -ENOENT : file->inode ? 0 : -ENXIO;

	if (!err)
		*out = inode_get(file->inode);
	file_put(file);
	return err;
}

static ssize_t link_fd(const char *name, size_t length, char *buffer, size_t size)
{
	struct file *file = file_of(name, length);
	char text[40];

	if (!file)
		return -ENOENT;
	struct inode_attr attr = { 0 };
	int err = file_getattr(file, &attr);
	if (file->inode)
		format(text, sizeof(text), "pipe:[%llu]", (ull)file->inode->ino);
	else if (!err && (attr.mode & S_IFMT) == S_IFSOCK)
		format(text, sizeof(text), "socket:[%llu]", (ull)attr.ino);
	else
		format(text, sizeof(text), "anon_inode:%s", file->ops->name ? file->ops->name : "[file]");
	ssize_t result = put_text(file->path ? file->path : text, buffer, size);
	file_put(file);
	return result;
}

static const struct procfs_entry entries[] = {
	{ .path = "self/exe", .readlink = link_exe, .lookup = lookup_exe },
	{ .path = "self/cwd", .readlink = link_cwd, .lookup = lookup_cwd },
	{ .path = "self/root", .readlink = link_root, .lookup = lookup_root },
	{ .path = "self/fd", .list = list_fds, .lookup = lookup_fd, .readlink_child = link_fd },
	{ .path = "self/maps", .show = show_maps },
	{ .path = "self/statm", .show = show_statm },
	{ .path = "self/stat", .show = show_stat },
	{ .path = "self/status", .show = show_status },
	{ .path = "self/cmdline", .show = show_cmdline },
	{ .path = "self/environ", .show = show_environ },
	{ .path = "self/auxv", .show = show_auxv },
	{ .path = "self/comm", .show = show_comm, .write = write_comm },
	{ .path = "self/limits", .show = show_limits },
	{ .path = "self/mounts", .show = show_mounts },
	{ .path = "self/mountinfo", .show = show_mountinfo },
	{ .path = "self/cgroup", .show = show_cgroup },
	{ .path = "self/oom_score", .show = show_zero },
	{ .path = "self/oom_score_adj", .show = show_zero },
	/* The first task's id is the process's. */
	{ .path = "self/task/1/comm", .show = show_comm, .write = write_comm },
	{ .path = "self/task/1/stat", .show = show_stat },
	{ .path = "self/task/1/status", .show = show_status },
};

int proc_register_self(void)
{
	return procfs_add(entries, countof(entries));
}
