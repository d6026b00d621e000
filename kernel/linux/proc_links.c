/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/self: links to what the process has open, runs, and stands in (proc(5)), and what its descriptors are about. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <fs/path.h>
#include <mm/alloc.h>

#include "proc.h"

typedef unsigned long long ull;

static struct process *me(void)
{
	return process_current();
}

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

/* What a file's link says: where it is now, or was when it was opened. NULL: nothing is known. */
static char *path_now(struct file *file, bool *deleted)
{
	struct inode_attr attr;
	bool known = file->inode && !inode_getattr(file->inode, &attr);
	char *path = NULL;

	*deleted = known && !attr.nlink;
	if (known && attr.nlink == 1)
		path = mem_alloc(PATH_MAX);
	if (path && inode_path(file->inode, NULL, path, PATH_MAX) > 0)
		return path;
	mem_free(path);
	return file->path ? mem_strdup(file->path) : NULL;
}

static void name_unnamed(struct file *file, char *text, size_t size)
{
	struct inode_attr attr = { 0 };
	int err = file_getattr(file, &attr);

	if (file->inode)
		format(text, size, "pipe:[%llu]", (ull)file->inode->ino);
	else if (!err && (attr.mode & S_IFMT) == S_IFSOCK)
		format(text, size, "socket:[%llu]", (ull)attr.ino);
	else
		format(text, size, "anon_inode:%s", file->ops->name ? file->ops->name : "[file]");
}

static ssize_t link_fd(const char *name, size_t length, char *buffer, size_t size)
{
	struct file *file = file_of(name, length);
	bool deleted = false;
	char text[48];

	if (!file)
		return -ENOENT;
	char *path = path_now(file, &deleted);
	if (!path)
		name_unnamed(file, text, sizeof(text));
	ssize_t result = put_text(path ? path : text, buffer, size);
	if (path && deleted)
		result += put_text(" (deleted)", buffer + result, size - (size_t)result);
	mem_free(path);
	file_put(file);
	return result;
}

static int next_fd(int after)
{
	return fd_next(me()->files, (unsigned)(after + 1));
}

static int show_fdinfo(struct procfs_buffer *b)
{
	struct file *file = fd_get(me()->files, procfs_number(b));
	struct inode_attr attr = { 0 };

	if (!file)
		return -ENOENT;
	int err = file_getattr(file, &attr);
	unsigned flags = file->flags |
			 (fd_flags(me()->files, procfs_number(b)) == 1 ? O_CLOEXEC : 0);
	err = procfs_print(b, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%llu\nino:\t%llu\n",
			   (ull)file->position, flags,
			   (ull)(file->inode && file->inode->fs ? file->inode->fs->device : 0),
			   (ull)attr.ino);
	file_put(file);
	return err;
}

/* --- namespaces: there is one of each --- */

static const char namespaces[][17] = { "cgroup",           "ipc",  "mnt",  "net", "pid",
				       "pid_for_children", "time", "user", "uts" };

static int list_namespaces(uint64_t cookie, struct dir_sink *sink)
{
	for (; cookie < countof(namespaces); cookie++)
		if (!sink->entry(sink, namespaces[cookie], strlen(namespaces[cookie]), cookie + 1,
				 S_IFLNK, cookie + 1))
			break;
	return 0;
}

static ssize_t link_namespace(const char *name, size_t length, char *buffer, size_t size)
{
	enum { FIRST = 0xeffffff7 };
	char text[40];

	for (unsigned i = 0; i < countof(namespaces); i++) {
		if (strncmp(namespaces[i], name, length) || namespaces[i][length])
			continue;
		size_t shown = length > 3 && !strncmp(name, "pid", 3) ? 3 : length;

		format(text, sizeof(text), "%.*s:[%u]", (int)shown, name, (unsigned)FIRST + i);
		return put_text(text, buffer, size);
	}
	return -ENOENT;
}

static ssize_t link_thread(char *buffer, size_t size)
{
	char text[40];

	format(text, sizeof(text), "%d/task/%d", me()->pid, task_current()->tid);
	return put_text(text, buffer, size);
}

static ssize_t link_mounts(char *buffer, size_t size)
{
	return put_text("self/mounts", buffer, size);
}

static const struct procfs_entry entries[] = {
	{ .path = "self/exe", .readlink = link_exe, .lookup = lookup_exe },
	{ .path = "self/cwd", .readlink = link_cwd, .lookup = lookup_cwd },
	{ .path = "self/root", .readlink = link_root, .lookup = lookup_root },
	{ .path = "self/fd", .list = list_fds, .lookup = lookup_fd, .readlink_child = link_fd },
	{ .path = "self/fdinfo/*", .show = show_fdinfo, .next = next_fd },
	{ .path = "self/ns", .list = list_namespaces, .readlink_child = link_namespace },
	{ .path = "self/task/*/exe",
	  .readlink = link_exe,
	  .lookup = lookup_exe,
	  .next = proc_next_task },
	{ .path = "self/task/*/cwd",
	  .readlink = link_cwd,
	  .lookup = lookup_cwd,
	  .next = proc_next_task },
	{ .path = "self/task/*/fd",
	  .list = list_fds,
	  .lookup = lookup_fd,
	  .readlink_child = link_fd,
	  .next = proc_next_task },
	{ .path = "thread-self", .readlink = link_thread },
	{ .path = "mounts", .readlink = link_mounts },
};

int proc_register_links(void)
{
	return procfs_add(entries, countof(entries));
}
