/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /proc, made up from the registered entries' paths at each lookup: no tree is kept, and inodes live only while somebody uses
 * them. What a file shows is made in proc_file.c. Thread context.
 */
#include "procfs.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "internal.h"

#define MAGIC_PROC ((uint64_t)0x9fa0)
enum { DEVICE_PROC = 3, COOKIE_START = 2, NUMBER_BYTES = 12, TARGET_MAX = 256 };

static const char self[] = "self";

struct table {
	struct table *next;
	const struct procfs_entry *entries;
	unsigned count;
};

/* One per machine. */
static struct {
	struct filesystem fs;
	struct table *tables, **last; /* [fs.lock] */
	char pid[NUMBER_BYTES];       /* as text; "": not known yet */
} procfs;

static const struct inode_ops dir_ops, list_ops, file_ops, link_ops, magic_ops;

static struct proc_inode *proc_of(struct inode *inode)
{
	return container_of(inode, struct proc_inode, inode);
}

/* Entries */

/* The entry with this number in order of registration; NULL: no more. */
static const struct procfs_entry *entry_at(uint64_t number)
{
	for (const struct table *table = procfs.tables; table; table = table->next) {
		if (number < table->count)
			return &table->entries[number];
		number -= table->count;
	}
	return NULL;
}

/* What the entry's path says behind the directory's; NULL: it is not below it. */
static const char *path_below(const struct procfs_entry *entry, const struct proc_inode *dir)
{
	if (!dir->prefix)
		return entry->path;
	if (entry->path[0] != dir->entry->path[0] ||
	    strncmp(entry->path, dir->entry->path, dir->prefix) || entry->path[dir->prefix] != '/')
		return NULL;
	return entry->path + dir->prefix + 1;
}

static size_t component(const char *path)
{
	size_t length = 0;

	while (path[length] && path[length] != '/')
		length++;
	return length;
}

static bool is_component(const char *path, const char *name, size_t length)
{
	if (path[0] != name[0] || strncmp(path, name, length))
		return false;
	return !path[length] || path[length] == '/';
}

/* The first of the first `limit` entries that makes this name exist. */
static const struct procfs_entry *find_entry(const struct proc_inode *dir, const char *name,
					     size_t length, uint64_t limit)
{
	for (const struct table *table = procfs.tables; table; table = table->next) {
		for (unsigned i = 0; i < table->count; i++) {
			const char *below;

			if (!limit--)
				return NULL;
			below = path_below(&table->entries[i], dir);
			if (below && is_component(below, name, length))
				return &table->entries[i];
		}
	}
	return NULL;
}

/* Inodes */

/* Inode numbers have only to differ: FNV-1a of the path. */
static uint64_t number_of(uint64_t seed, const char *name, size_t length)
{
	uint64_t h = seed ^ 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3;
	return h >> 1 | 1;
}

/* `child` is the name of one of a list's children, NULL outside of any. */
static struct proc_inode *make(const struct inode_ops *ops, uint32_t mode,
			       const struct procfs_entry *entry, const char *child,
			       size_t child_bytes)
{
	struct proc_inode *proc = mem_alloc(sizeof *proc + child_bytes + 1);

	if (!proc)
		return NULL;
	inode_init(&proc->inode, ops, &procfs.fs, mode);
	proc->entry = entry;
	proc->prefix = 0;
	proc->child_bytes = child_bytes;
	memcpy(proc->child, child, child_bytes);
	proc->child[child_bytes] = '\0';
	return proc;
}

static struct proc_inode *make_of_entry(const struct procfs_entry *entry,
					const struct proc_inode *dir)
{
	uint32_t mode = S_IFREG;

	if (entry->list)
		return make(&list_ops, S_IFDIR | 0555, entry, NULL, 0);
	if (entry->readlink)
		return make(entry->lookup ? &magic_ops : &link_ops, S_IFLNK | 0777, entry, NULL, 0);
	mode |= (entry->show ? 0444 : 0) | (entry->write || entry->write_child ? 0200 : 0);
	return make(&file_ops, mode, entry, dir->child, dir->child_bytes);
}

/* Puts a new inode below `dir`; `name` lives as long. */
static int finish(struct proc_inode *proc, struct inode *dir, const char *name, size_t length,
		  struct inode **out)
{
	if (!proc)
		return -ENOMEM;
	proc->inode.ino = number_of(dir->ino, name, length);
	inode_set_place(&proc->inode, dir, name, length);
	*out = &proc->inode;
	return 0;
}

static bool has_pid(const struct proc_inode *dir)
{
	return !dir->prefix && procfs.pid[0];
}

static int dir_lookup(struct inode *inode, const char *name, size_t length, struct inode **out)
{
	struct proc_inode *dir = proc_of(inode), *proc;
	const struct procfs_entry *entry;
	const char *below;

	if (has_pid(dir) && is_component(self, name, length))
		return finish(make(&link_ops, S_IFLNK | 0777, NULL, NULL, 0), inode, self, length,
			      out);
	if (has_pid(dir) && is_component(procfs.pid, name, length))
		entry = find_entry(dir, self, sizeof self - 1, UINT64_MAX);
	else
		entry = find_entry(dir, name, length, UINT64_MAX);
	if (!entry)
		return -ENOENT;
	below = path_below(entry, dir);
	length = component(below);
	if (!below[length])
		return finish(make_of_entry(entry, dir), inode, below, length, out);
	proc = make(&dir_ops, S_IFDIR | 0555, entry, dir->child, dir->child_bytes);
	if (proc)
		proc->prefix = (size_t)(below - entry->path) + length;
	if (has_pid(dir) && is_component(self, below, length))
		return finish(proc, inode, procfs.pid, strlen(procfs.pid), out);
	return finish(proc, inode, below, length, out);
}

static unsigned type_of(const struct proc_inode *dir, const struct procfs_entry *entry)
{
	const char *below = path_below(entry, dir);

	if (has_pid(dir) && is_component(below, self, sizeof self - 1))
		return S_IFLNK;
	if (below[component(below)] || entry->list)
		return S_IFDIR;
	return entry->readlink ? S_IFLNK : S_IFREG;
}

static int dir_iterate(struct inode *inode, uint64_t cookie, struct dir_sink *sink)
{
	struct proc_inode *dir = proc_of(inode);
	const struct procfs_entry *entry;
	uint64_t i = cookie - COOKIE_START;
	size_t length;

	for (; (entry = entry_at(i)); i++) {
		const char *below = path_below(entry, dir);

		if (!below)
			continue;
		length = component(below);
		if (find_entry(dir, below, length, i)) /* it was there before */
			continue;
		if (!sink->entry(sink, below, length, number_of(inode->ino, below, length),
				 type_of(dir, entry), i + 1 + COOKIE_START))
			return 0;
	}
	length = strlen(procfs.pid);
	/* The number's cookie lies behind that of any entry registered later. */
	if (has_pid(dir) && cookie < BIT64(32))
		sink->entry(sink, procfs.pid, length, number_of(inode->ino, procfs.pid, length),
			    S_IFDIR, BIT64(32));
	return 0;
}

/* Directories whose entries come and go */

/* The first entry below any of a list's children; *prefix: how much of its path is the child's. */
static const struct procfs_entry *entry_below_star(const struct procfs_entry *list, size_t *prefix)
{
	const struct procfs_entry *entry;
	size_t length = strlen(list->path);

	*prefix = length + 2;
	for (uint64_t i = 0; (entry = entry_at(i)); i++)
		if (!strncmp(entry->path, list->path, length) &&
		    !strncmp(entry->path + length, "/*/", 3))
			return entry;
	return NULL;
}

static int directory_child(struct inode *inode, const char *name, size_t length, struct inode **out)
{
	const struct procfs_entry *list = proc_of(inode)->entry, *entry;
	size_t prefix;

	if (!list->has_child(name, length))
		return -ENOENT;
	entry = entry_below_star(list, &prefix);
	if (!entry)
		return -ENOENT;
	struct proc_inode *proc = make(&dir_ops, S_IFDIR | 0555, entry, name, length);
	if (!proc)
		return -ENOMEM;
	proc->prefix = prefix;
	return finish(proc, inode, proc->child, length, out);
}

static int list_lookup(struct inode *inode, const char *name, size_t length, struct inode **out)
{
	const struct procfs_entry *entry = proc_of(inode)->entry;
	char target[TARGET_MAX];
	struct proc_inode *proc;
	ssize_t exists;

	if (entry->has_child)
		return directory_child(inode, name, length, out);
	if (!entry->readlink_child)
		return -ENOENT;
	exists = entry->readlink_child(name, length, target, sizeof target);
	if (exists < 0)
		return (int)exists;
	proc = make(entry->lookup ? &magic_ops : &link_ops, S_IFLNK | 0700, entry, name, length);
	if (!proc)
		return -ENOMEM;
	return finish(proc, inode, proc->child, length, out);
}

/* Cookies of the entry's own start at 0. */
struct shift_sink {
	struct dir_sink sink;
	struct dir_sink *out;
	uint64_t dir;
	unsigned type;
};

static bool shift(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
		  unsigned type, uint64_t cookie)
{
	struct shift_sink *s = container_of(sink, struct shift_sink, sink);

	(void)ino;
	(void)type;
	return s->out->entry(s->out, name, length, number_of(s->dir, name, length), s->type,
			     cookie + COOKIE_START);
}

static int list_iterate(struct inode *inode, uint64_t cookie, struct dir_sink *sink)
{
	const struct procfs_entry *entry = proc_of(inode)->entry;
	struct shift_sink s = {
		.sink.entry = shift,
		.out = sink,
		.dir = inode->ino,
		.type = entry->has_child ? S_IFDIR : S_IFLNK,
	};

	return entry->list(cookie - COOKIE_START, &s.sink);
}

/* Links */

static ssize_t link_read(struct inode *inode, char *buffer, size_t size)
{
	struct proc_inode *proc = proc_of(inode);
	size_t length;

	if (proc->child_bytes)
		return proc->entry->readlink_child(proc->child, proc->child_bytes, buffer, size);
	if (proc->entry)
		return proc->entry->readlink(buffer, size);
	length = min(strlen(procfs.pid), size);
	memcpy(buffer, procfs.pid, length);
	return (ssize_t)length;
}

static int magic_follow(struct inode *inode, struct inode **out)
{
	struct proc_inode *proc = proc_of(inode);

	return proc->entry->lookup(inode->name, inode->name_bytes, out);
}

static int file_open(struct inode *inode, struct file *file)
{
	return proc_file_open(proc_of(inode), file);
}

static int proc_getattr(struct inode *inode, struct inode_attr *out)
{
	*out = (struct inode_attr){
		.ino = inode->ino,
		.mode = inode->mode,
		.nlink = (inode->mode & S_IFMT) == S_IFDIR ? 2 : 1,
	};
	return 0;
}

static void proc_destroy(struct inode *inode)
{
	mem_free(proc_of(inode));
}

static const struct inode_ops dir_ops = { .lookup = dir_lookup,
					  .iterate = dir_iterate,
					  .getattr = proc_getattr,
					  .destroy = proc_destroy };
static const struct inode_ops list_ops = { .lookup = list_lookup,
					   .iterate = list_iterate,
					   .getattr = proc_getattr,
					   .destroy = proc_destroy };
static const struct inode_ops file_ops = { .getattr = proc_getattr,
					   .open = file_open,
					   .destroy = proc_destroy };
static const struct inode_ops link_ops = { .readlink = link_read,
					   .getattr = proc_getattr,
					   .destroy = proc_destroy };
static const struct inode_ops magic_ops = { .readlink = link_read,
					    .follow = magic_follow,
					    .getattr = proc_getattr,
					    .destroy = proc_destroy };

/* The file system */

int procfs_filesystem(struct filesystem **out)
{
	struct filesystem *fs = &procfs.fs;
	struct proc_inode *root;

	if (!fs->root) {
		root = make(&dir_ops, S_IFDIR | 0555, NULL, NULL, 0);
		if (!root)
			return -ENOMEM;
		root->inode.ino = 1;
		mutex_init(&fs->lock);
		fs->type = "proc";
		fs->device = DEVICE_PROC;
		fs->magic = MAGIC_PROC;
		fs->root = &root->inode;
	}
	*out = fs;
	return 0;
}

/* Before there is a root there is only the thread that starts everything. */
int procfs_add(const struct procfs_entry *entries, unsigned count)
{
	struct table *table = mem_alloc(sizeof *table);

	if (!table)
		return -ENOMEM;
	*table = (struct table){ NULL, entries, count };
	if (!procfs.last)
		procfs.last = &procfs.tables;
	*procfs.last = table; /* whole before it is seen, and never removed: readers need no lock */
	procfs.last = &table->next;
	return 0;
}

void procfs_set_pid(int pid)
{
	format(procfs.pid, sizeof procfs.pid, "%d", pid);
}

void procfs_reset(void)
{
	while (procfs.tables) {
		struct table *next = procfs.tables->next;

		mem_free(procfs.tables);
		procfs.tables = next;
	}
	procfs.last = NULL;
	procfs.pid[0] = '\0';
	if (procfs.fs.root)
		inode_put(procfs.fs.root);
	procfs.fs.root = NULL;
}
