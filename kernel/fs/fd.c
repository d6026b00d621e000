/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptor tables. Files are put only after the lock is released: the last reference may take its time. Thread context. */
#include <fs/file.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/lock.h>
#include <mm/alloc.h>

enum { SIZE_FIRST = 16, SIZE_MAX_FDS = 1 << 20 };

struct fd_table *fd_table_create(unsigned limit)
{
	struct fd_table *table = mem_zalloc(sizeof *table);

	if (!table)
		return NULL;
	mutex_init(&table->lock);
	table->refs = 1;
	table->limit = limit;
	return table;
}

static int grow(struct fd_table *table, unsigned wanted) REQUIRES(table->lock)
{
	unsigned size = max(table->size, (unsigned)SIZE_FIRST);
	struct fd_entry *entries;

	if (wanted <= table->size)
		return 0;
	if (wanted > SIZE_MAX_FDS)
		return -EMFILE;
	while (size < wanted)
		size *= 2;
	entries = mem_resize(table->entries, size * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	memset(entries + table->size, 0, (size - table->size) * sizeof *entries);
	table->entries = entries;
	table->size = size;
	return 0;
}

static int copy_entries(struct fd_table *to, struct fd_table *from) REQUIRES(from->lock, to->lock)
{
	int error = grow(to, from->size);

	if (error)
		return error;
	to->lowest_free = from->lowest_free;
	for (unsigned i = 0; i < from->size; i++) {
		to->entries[i] = from->entries[i];
		if (to->entries[i].file)
			file_get(to->entries[i].file);
	}
	return 0;
}

struct fd_table *fd_table_copy(struct fd_table *table)
{
	struct fd_table *copy = fd_table_create(table->limit);
	int error;

	if (!copy)
		return NULL;
	mutex_lock(&table->lock);
	mutex_lock(&copy->lock);
	error = copy_entries(copy, table);
	mutex_unlock(&copy->lock);
	mutex_unlock(&table->lock);
	if (!error)
		return copy;
	fd_table_put(copy);
	return NULL;
}

/* A descriptor of `table` is gone, and with it the locks that it has on the file by any of them. Thread context, no lock held. */
static void put_closed(const struct fd_table *table, struct file *file)
{
	if (file && file->inode && unlikely(file->inode->locks))
		file_locks_drop(file->inode, table);
	file_put(file);
}

void fd_table_put(struct fd_table *table)
{
	if (!table || __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (unsigned i = 0; i < table->size; i++)
		put_closed(table, table->entries[i].file);
	mem_free(table->entries);
	mem_free(table);
}

/* NULL where it is not open. */
static struct fd_entry *entry_of(struct fd_table *table, int fd) REQUIRES(table->lock)
{
	if (fd < 0 || (unsigned)fd >= table->size || !table->entries[fd].file)
		return NULL;
	return &table->entries[fd];
}

struct file *fd_get(struct fd_table *table, int fd)
{
	struct fd_entry *entry;
	struct file *file = NULL;

	mutex_lock(&table->lock);
	entry = entry_of(table, fd);
	if (entry)
		file = file_get(entry->file);
	mutex_unlock(&table->lock);
	return file;
}

static int install(struct fd_table *table, struct file *file, unsigned from, bool close_on_exec)
	REQUIRES(table->lock)
{
	unsigned fd = max(from, table->lowest_free);
	int error;

	while (fd < table->size && table->entries[fd].file)
		fd++;
	if (fd >= table->limit)
		return -EMFILE;
	error = grow(table, fd + 1);
	if (error)
		return error;
	table->entries[fd] = (struct fd_entry){ file, close_on_exec };
	if (from <= table->lowest_free)
		table->lowest_free = fd + 1;
	return (int)fd;
}

int fd_install(struct fd_table *table, struct file *file, unsigned from, bool close_on_exec)
{
	int fd;

	mutex_lock(&table->lock);
	fd = install(table, file, from, close_on_exec);
	mutex_unlock(&table->lock);
	return fd;
}

int fd_install_at(struct fd_table *table, int fd, struct file *file, bool close_on_exec)
{
	struct file *before = NULL;
	int error = -EBADF;

	mutex_lock(&table->lock);
	if (fd >= 0 && (unsigned)fd < table->limit)
		error = grow(table, (unsigned)fd + 1);
	if (!error) {
		before = table->entries[fd].file;
		table->entries[fd] = (struct fd_entry){ file, close_on_exec };
	}
	mutex_unlock(&table->lock);
	put_closed(table, before);
	return error ? error : fd;
}

static struct file *take_out(struct fd_table *table, unsigned fd) REQUIRES(table->lock)
{
	struct file *file = table->entries[fd].file;

	table->entries[fd] = (struct fd_entry){ NULL, false };
	table->lowest_free = min(table->lowest_free, fd);
	return file;
}

int fd_close(struct fd_table *table, int fd)
{
	struct file *file = NULL;

	mutex_lock(&table->lock);
	if (entry_of(table, fd))
		file = take_out(table, (unsigned)fd);
	mutex_unlock(&table->lock);
	if (!file)
		return -EBADF;
	put_closed(table, file);
	return 0;
}

int fd_flags(struct fd_table *table, int fd)
{
	struct fd_entry *entry;
	int flags;

	mutex_lock(&table->lock);
	entry = entry_of(table, fd);
	flags = entry ? entry->close_on_exec : -EBADF;
	mutex_unlock(&table->lock);
	return flags;
}

int fd_set_flags(struct fd_table *table, int fd, bool close_on_exec)
{
	struct fd_entry *entry;

	mutex_lock(&table->lock);
	entry = entry_of(table, fd);
	if (entry)
		entry->close_on_exec = close_on_exec;
	mutex_unlock(&table->lock);
	return entry ? 0 : -EBADF;
}

void fd_close_on_exec(struct fd_table *table)
{
	for (unsigned i = 0;; i++) {
		struct file *file = NULL;
		bool more;

		mutex_lock(&table->lock);
		more = i < table->size;
		if (more && table->entries[i].file && table->entries[i].close_on_exec)
			file = take_out(table, i);
		mutex_unlock(&table->lock);
		if (!more)
			return;
		put_closed(table, file);
	}
}

int fd_next(struct fd_table *table, unsigned from)
{
	int found = -1;

	mutex_lock(&table->lock);
	for (unsigned i = from; i < table->size && found < 0; i++)
		if (table->entries[i].file)
			found = (int)i;
	mutex_unlock(&table->lock);
	return found;
}
