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
	{ .path = "self/cmdline", .show = show_cmdline },
	{ .path = "self/environ", .show = show_environ },
	{ .path = "self/auxv", .show = show_auxv },
	{ .path = "self/limits", .show = show_limits },
	{ .path = "self/mounts", .show = show_mounts },
	{ .path = "self/mountinfo", .show = show_mountinfo },
	{ .path = "self/cgroup", .show = show_cgroup },
	{ .path = "self/oom_score", .show = show_zero },
	{ .path = "self/oom_score_adj", .show = show_zero },
	{ .path = "self/task/*/maps", .show = show_maps },
	{ .path = "self/task/*/statm", .show = show_statm },
	{ .path = "self/task/*/cmdline", .show = show_cmdline },
	{ .path = "self/task/*/environ", .show = show_environ },
	{ .path = "self/task/*/auxv", .show = show_auxv },
	{ .path = "self/task/*/limits", .show = show_limits },
	{ .path = "self/task/*/cgroup", .show = show_cgroup },
	{ .path = "self/task/*/oom_score", .show = show_zero },
};

int proc_register_self(void)
{
	int err = proc_register_tasks();

	return err ? err : procfs_add(entries, countof(entries));
}
