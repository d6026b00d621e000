/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File systems that are made up: /proc and /sys. What is in them follows from the registered entries' paths at each lookup: no tree is
 * kept, and inodes live only while somebody uses them. What a file shows is made in proc_file.c. Thread context.
 */
#include "procfs.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "internal.h"

#define MAGIC_PROC ((uint64_t)0x9fa0)
#define MAGIC_SYS ((uint64_t)0x62656572)
enum { DEVICE_PROC = 3, DEVICE_SYS = 4, COOKIE_START = 2, NUMBER_BYTES = 12, TARGET_MAX = 256 };

/* Cookies of the process's number and of numbers in place of a "*" lie behind that of any entry registered later. */
#define COOKIE_PID BIT64(32)
#define COOKIE_NUMBERS BIT64(33)

static const char self[] = "self";

struct table {
	struct table *next;
	const struct procfs_entry *entries;
	unsigned count;
};

struct made_up {
	struct filesystem fs;
	struct table *tables, **last; /* [fs.lock] */
	char pid[NUMBER_BYTES];       /* as text; "": not known yet, or there is none */
};

/* One of each per machine. */
static struct made_up procfs, sysfs;

static const struct inode_ops dir_ops, list_ops, file_ops, link_ops, magic_ops;

static struct proc_inode *proc_of(struct inode *inode)
{
	return container_of(inode, struct proc_inode, inode);
}

static const struct made_up *system_of(const struct proc_inode *dir)
{
	return container_of(dir->inode.fs, struct made_up, fs);
}

/* Entries */

/* The entry with this number in order of registration; NULL: no more. */
static const struct procfs_entry *entry_at(const struct proc_inode *dir, uint64_t number)
{
	for (const struct table *table = system_of(dir)->tables; table; table = table->next) {
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

/* A number as it is written in names; -1: is none. */
static int parse_number(const char *name, size_t length)
{
	enum { DIGITS_MAX = 9 };
	int number = 0;

	if (!length || length > DIGITS_MAX || (name[0] == '0' && length > 1))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		number = number * 10 + (name[i] - '0');
	}
	return number;
}

/* Whether the path's first component is a "*" that stands for this number, among others. */
static bool is_number(const struct procfs_entry *entry, const char *path, int number)
{
	return path[0] == '*' && number >= 0 && entry->next(number - 1) == number;
}

/* The first of the first `limit` entries that makes this name exist. `number`: the name is this one; -1: is none. */
static const struct procfs_entry *find_entry(const struct proc_inode *dir, const char *name,
					     size_t length, uint64_t limit, int number)
{
	const struct table *table = system_of(dir)->tables;

	for (; table; table = table->next) {
		for (unsigned i = 0; i < table->count; i++) {
			const struct procfs_entry *entry = &table->entries[i];
			const char *below;

			if (!limit--)
				return NULL;
			below = path_below(entry, dir);
			if (below &&
			    (is_component(below, name, length) || is_number(entry, below, number)))
				return entry;
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

static struct proc_inode *make(struct filesystem *fs, const struct inode_ops *ops, uint32_t mode,
			       const struct procfs_entry *entry, size_t child_bytes)
{
	struct proc_inode *proc = mem_alloc(sizeof *proc + child_bytes + 1);

	if (!proc)
		return NULL;
	inode_init(&proc->inode, ops, fs, mode);
	proc->entry = entry;
	proc->prefix = 0;
	proc->number = -1;
	proc->child_bytes = child_bytes;
	return proc;
}

static struct proc_inode *make_of_entry(struct filesystem *fs, const struct procfs_entry *entry,
					size_t child_bytes)
{
	uint32_t mode = S_IFREG;

	if (entry->list)
		return make(fs, &list_ops, S_IFDIR | 0555, entry, child_bytes);
	if (entry->readlink)
		return make(fs, entry->lookup ? &magic_ops : &link_ops, S_IFLNK | 0777, entry,
			    child_bytes);
	mode |= (entry->show ? 0444 : 0) | (entry->write ? 0200 : 0);
	return make(fs, &file_ops, mode, entry, child_bytes);
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

/* The same with a name that has to be kept. */
static int finish_child(struct proc_inode *proc, struct inode *dir, const char *name, size_t length,
			struct inode **out)
{
	if (!proc)
		return -ENOMEM;
	memcpy(proc->child, name, length);
	proc->child[length] = '\0';
	return finish(proc, dir, proc->child, length, out);
}

static bool has_pid(const struct proc_inode *dir)
{
	return !dir->prefix && system_of(dir)->pid[0];
}

/* A file, link or directory that an entry's path leads to from `dir` by its next component, which `name` is. */
static int make_component(struct inode *inode, const struct procfs_entry *entry, const char *name,
			  size_t length, struct inode **out)
{
	struct proc_inode *dir = proc_of(inode), *proc;
	const char *below = path_below(entry, dir);
	size_t own = component(below);
	bool star = below[0] == '*', leaf = !below[own];

	if (leaf) {
		proc = make_of_entry(inode->fs, entry, star ? length : 0);
	} else {
		proc = make(inode->fs, &dir_ops, S_IFDIR | 0555, entry, star ? length : 0);
		if (proc)
			proc->prefix = (size_t)(below - entry->path) + own;
	}
	if (!proc)
		return -ENOMEM;
	proc->number = star ? parse_number(name, length) : dir->number;
	if (!star)
		proc->child_bytes = 0;
	if (star)
		return finish_child(proc, inode, name, length, out);
	if (has_pid(dir) && is_component(self, below, own))
		return finish(proc, inode, procfs.pid, strlen(procfs.pid), out);
	return finish(proc, inode, below, own, out);
}

static int dir_lookup(struct inode *inode, const char *name, size_t length, struct inode **out)
{
	struct proc_inode *dir = proc_of(inode);
	const struct procfs_entry *entry;

	if (name[0] == '*')
		return -ENOENT;
	if (has_pid(dir) && is_component(self, name, length))
		return finish(make(inode->fs, &link_ops, S_IFLNK | 0777, NULL, 0), inode, self,
			      length, out);
	if (has_pid(dir) && is_component(procfs.pid, name, length))
		entry = find_entry(dir, self, sizeof self - 1, UINT64_MAX, -1);
	else
		entry = find_entry(dir, name, length, UINT64_MAX, parse_number(name, length));
	return entry ? make_component(inode, entry, name, length, out) : -ENOENT;
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

/* The numbers that an entry's "*" stands for. */
static void iterate_numbers(struct proc_inode *dir, const struct procfs_entry *entry,
			    uint64_t cookie, struct dir_sink *sink)
{
	int number = cookie > COOKIE_NUMBERS ? (int)(cookie - COOKIE_NUMBERS) - 1 : -1;
	char name[NUMBER_BYTES];

	while ((number = entry->next(number)) >= 0) {
		size_t length = (size_t)format(name, sizeof name, "%d", number);

		if (!sink->entry(sink, name, length, number_of(dir->inode.ino, name, length),
				 type_of(dir, entry), COOKIE_NUMBERS + (uint64_t)number + 1))
			break;
	}
}

static bool iterate_pid(struct proc_inode *dir, uint64_t cookie, struct dir_sink *sink)
{
	size_t length = strlen(procfs.pid);

	if (!has_pid(dir) || cookie >= COOKIE_PID)
		return true;
	return sink->entry(sink, procfs.pid, length, number_of(dir->inode.ino, procfs.pid, length),
			   S_IFDIR, COOKIE_PID);
}

static int dir_iterate(struct inode *inode, uint64_t cookie, struct dir_sink *sink)
{
	struct proc_inode *dir = proc_of(inode);
	const struct procfs_entry *entry, *star = find_entry(dir, "*", 1, UINT64_MAX, -1);
	uint64_t i = cookie - COOKIE_START;

	for (; (entry = entry_at(dir, i)); i++) {
		const char *below = path_below(entry, dir);
		size_t length = below ? component(below) : 0;

		/* It may have been there before. */
		if (!below || below[0] == '*' || find_entry(dir, below, length, i, -1))
			continue;
		if (!sink->entry(sink, below, length, number_of(inode->ino, below, length),
				 type_of(dir, entry), i + 1 + COOKIE_START))
			return 0;
	}
	if (iterate_pid(dir, cookie, sink) && star)
		iterate_numbers(dir, star, cookie, sink);
	return 0;
}

/* Directories whose entries come and go */

static int list_lookup(struct inode *inode, const char *name, size_t length, struct inode **out)
{
	const struct procfs_entry *entry = proc_of(inode)->entry;
	char target[TARGET_MAX];
	ssize_t exists;

	if (!entry->readlink_child)
		return -ENOENT;
	exists = entry->readlink_child(name, length, target, sizeof target);
	if (exists < 0)
		return (int)exists;
	return finish_child(make(inode->fs, entry->lookup ? &magic_ops : &link_ops, S_IFLNK | 0700,
				 entry, length),
			    inode, name, length, out);
}

/* Cookies of the entry's own start at 0. */
struct shift_sink {
	struct dir_sink sink;
	struct dir_sink *out;
	uint64_t dir;
};

static bool shift(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
		  unsigned type, uint64_t cookie)
{
	struct shift_sink *s = container_of(sink, struct shift_sink, sink);

	(void)ino;
	(void)type;
	return s->out->entry(s->out, name, length, number_of(s->dir, name, length), S_IFLNK,
			     cookie + COOKIE_START);
}

static int list_iterate(struct inode *inode, uint64_t cookie, struct dir_sink *sink)
{
	struct shift_sink s = { .sink.entry = shift, .out = sink, .dir = inode->ino };

	return proc_of(inode)->entry->list(cookie - COOKIE_START, &s.sink);
}

/* Links */

static ssize_t link_read(struct inode *inode, char *buffer, size_t size)
{
	struct proc_inode *proc = proc_of(inode);
	size_t length;

	if (proc->entry && proc->entry->readlink_child)
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

/* The file systems */

static int mount_made_up(struct made_up *system, const struct filesystem *like)
{
	struct filesystem *fs = &system->fs;
	struct proc_inode *root;

	if (fs->root)
		return 0;
	root = make(fs, &dir_ops, S_IFDIR | 0555, NULL, 0);
	if (!root)
		return -ENOMEM;
	root->inode.ino = 1;
	mutex_init(&fs->lock);
	fs->type = like->type;
	fs->device = like->device;
	fs->magic = like->magic;
	fs->root = &root->inode;
	return 0;
}

int procfs_filesystem(struct filesystem **out)
{
	*out = &procfs.fs;
	return mount_made_up(
		&procfs,
		&(struct filesystem){ .type = "proc", .device = DEVICE_PROC, .magic = MAGIC_PROC });
}

int sysfs_filesystem(struct filesystem **out)
{
	*out = &sysfs.fs;
	return mount_made_up(
		&sysfs,
		&(struct filesystem){ .type = "sysfs", .device = DEVICE_SYS, .magic = MAGIC_SYS });
}

/* Before there is a root there is only the thread that starts everything. */
static int add(struct made_up *system, const struct procfs_entry *entries, unsigned count)
{
	struct table *table = mem_alloc(sizeof *table);

	if (!table)
		return -ENOMEM;
	*table = (struct table){ NULL, entries, count };
	if (!system->last)
		system->last = &system->tables;
	*system->last =
		table; /* whole before it is seen, and never removed: readers need no lock */
	system->last = &table->next;
	return 0;
}

int procfs_add(const struct procfs_entry *entries, unsigned count)
{
	return add(&procfs, entries, count);
}

int sysfs_add(const struct procfs_entry *entries, unsigned count)
{
	return add(&sysfs, entries, count);
}

void procfs_set_pid(const char *pid)
{
	size_t length = strlen(pid);

	assert(length < sizeof procfs.pid);
	memcpy(procfs.pid, pid, length + 1);
}

static void reset(struct made_up *system)
{
	while (system->tables) {
		struct table *next = system->tables->next;

		mem_free(system->tables);
		system->tables = next;
	}
	system->last = NULL;
	system->pid[0] = '\0';
	if (system->fs.root)
		inode_put(system->fs.root);
	system->fs.root = NULL;
}

void procfs_reset(void)
{
	reset(&procfs);
	reset(&sysfs);
}
