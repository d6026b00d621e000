/* SPDX-License-Identifier: BSD-3-Clause */
/* Directory trees in memory. */
#include "tree.h"

#include "report.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *take(void *memory)
{
	if (!memory)
		report_out_of_memory();
	return memory;
}

struct node *tree_new(struct tree *t, mode_t mode)
{
	struct node *node = take(calloc(1, sizeof *node));

	node->mode = mode;
	node->next = t->nodes;
	t->nodes = node;
	return node;
}

struct node *tree_new_bytes(struct tree *t, mode_t mode, const void *data, size_t bytes)
{
	struct node *node = tree_new(t, mode);

	node->bytes = take(malloc(bytes + 1));
	if (bytes)
		memcpy(node->bytes, data, bytes);
	node->bytes[bytes] = '\0';
	node->size = bytes;
	node->source = SOURCE_MEMORY;
	return node;
}

struct node *tree_new_link(struct tree *t, const char *target)
{
	return tree_new_bytes(t, S_IFLNK | 0777, target, strlen(target));
}

void tree_init(struct tree *t)
{
	*t = (struct tree){ .spool = -1 };
	t->root = tree_new(t, S_IFDIR | 0755);
	t->root->parent = t->root;
	t->root->nlink = 1;
}

void tree_fini(struct tree *t)
{
	for (struct node *node = t->nodes, *next; node; node = next) {
		next = node->next;
		for (size_t i = 0; i < node->count; i++)
			free(node->entries[i].name);
		free(node->entries);
		if (node->source == SOURCE_MEMORY || node->source == SOURCE_HOST)
			free(node->bytes);
		free(node);
	}
	if (t->spool >= 0)
		close(t->spool);
	*t = (struct tree){ .spool = -1 };
}

/* As EROFS wants it: as bytes, a prefix before what it begins. */
static int compare(const struct entry *entry, const char *name, size_t bytes)
{
	int order = strncmp(entry->name, name, bytes);

	return order ? order : entry->name[bytes] != '\0';
}

/* Where the name is, or would be. */
static size_t find_entry(const struct node *dir, const char *name, size_t bytes, bool *found)
{
	size_t low = 0, high = dir->count;

	*found = false;
	/* Most come in order. */
	if (high && compare(&dir->entries[high - 1], name, bytes) < 0)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&dir->entries[middle], name, bytes);

		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct node *tree_child(const struct node *dir, const char *name, size_t bytes)
{
	bool found;
	size_t at = find_entry(dir, name, bytes, &found);

	return found ? dir->entries[at].node : NULL;
}

void tree_enter(struct node *dir, const char *name, size_t bytes, struct node *node)
{
	bool found;
	size_t at = find_entry(dir, name, bytes, &found);

	node->nlink++;
	if (S_ISDIR(node->mode))
		node->parent = dir;
	if (found) {
		dir->entries[at].node->nlink--;
		dir->entries[at].node = node;
		return;
	}
	if (dir->count == dir->room) {
		dir->room = 2 * dir->room + 8;
		dir->entries = take(realloc(dir->entries, dir->room * sizeof *dir->entries));
	}
	memmove(dir->entries + at + 1, dir->entries + at, (dir->count - at) * sizeof *dir->entries);
	dir->entries[at] = (struct entry){ take(strndup(name, bytes)), node };
	dir->count++;
}

static int map_range(int fd, uint64_t offset, size_t bytes, struct mapping *out)
{
	size_t before = offset & (PAGE_SIZE - 1);

	*out = (struct mapping){ .bytes = bytes };
	if (!bytes)
		return 0;
	void *base = mmap(NULL, bytes + before, PROT_READ, MAP_PRIVATE, fd,
			  (off_t)(offset - before));
	if (base == MAP_FAILED)
		return -errno;
	out->base = base;
	out->base_bytes = bytes + before;
	out->data = (char *)base + before;
	return 0;
}

int file_map(const char *path, struct mapping *out)
{
	struct stat st;
	int err = 0;
	/* Not to block on a FIFO before it is seen to be none. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else
		err = map_range(fd, 0, (size_t)st.st_size, out);
	close(fd);
	return err;
}

int tree_map(const struct tree *t, const struct node *file, struct mapping *out)
{
	switch (file->source) {
	case SOURCE_HOST:
		return file_map(file->host_path, out);
	case SOURCE_SPOOL:
		return map_range(t->spool, file->spool_offset, (size_t)file->size, out);
	default:
		*out = (struct mapping){ .data = file->bytes, .bytes = (size_t)file->size };
		return 0;
	}
}

void tree_unmap(struct mapping *m)
{
	if (m->base)
		munmap(m->base, m->base_bytes);
	*m = (struct mapping){ 0 };
}
