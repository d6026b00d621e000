/* SPDX-License-Identifier: BSD-3-Clause */
/* File systems in memory as a whole, and the nodes that are neither directories nor files. */
#include "node.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "../internal.h"

#define MAGIC_TMPFS ((uint64_t)0x01021994)

uint64_t memfs_room(void)
{
	struct pages_stats memory = pages_stats();
	uint64_t kept = memory.total_bytes / 8;
	uint64_t free = memory.free_bytes + memory.reclaimable_bytes;

	return free > kept ? free - kept : 0;
}

static ssize_t readlink(struct inode *inode, char *buffer, size_t size)
{
	struct node *node = node_of(inode);
	const struct lower *lower = memfs_of(node)->lower;
	size_t length = min(size, node->link.bytes), done = 0;
	struct lower_run run;
	int error;

	if (node->link.target) {
		memcpy(buffer, node->link.target, length);
		return (ssize_t)length;
	}
	for (; done < length; done += run.bytes) {
		error = lower->ops->map(lower, node->lower_id, done, &run);
		if (error || !run.data)
			return error ? error : -EUCLEAN;
		run.bytes = min(run.bytes, (uint64_t)(length - done));
		memcpy(buffer + done, run.data, run.bytes);
		if (run.page)
			page_put(run.page);
	}
	return (ssize_t)length;
}

const struct inode_ops memfs_link_ops = {
	.readlink = readlink,
	NODE_ATTRIBUTE_OPS,
	.destroy = node_destroy,
};

const struct inode_ops memfs_other_ops = {
	NODE_ATTRIBUTE_OPS,
	.destroy = node_destroy,
};

static int make_root(struct memfs *fs, struct node **out)
{
	struct lower_entry root = { .name = "/", .length = 1 };

	if (fs->lower) {
		root.id = fs->lower->root;
		return node_of_lower(fs, NULL, &root, out);
	}
	*out = node_create(fs, S_IFDIR | 0755, 0);
	return *out ? 0 : -ENOMEM;
}

int memfs_create(const char *type, uint64_t device, const struct lower *lower, struct memfs **out)
{
	struct memfs *fs = mem_zalloc(sizeof *fs);
	struct node *root;
	int error;

	if (!fs)
		return -ENOMEM;
	fs->fs.type = type;
	fs->fs.device = device;
	fs->fs.magic = MAGIC_TMPFS;
	mutex_init(&fs->fs.lock);
	fs->lower = lower;
	fs->ino_next = lower ? lower->id_max + 2 : 1;
	spin_init(&fs->index_lock);
	error = make_root(fs, &root);
	if (error) {
		mem_free(fs);
		return error;
	}
	node_pin(root);
	fs->fs.root = &root->inode;
	*out = fs;
	return 0;
}

int memfs_create_file(struct memfs *fs, uint64_t bytes, struct inode **out)
{
	struct node *node = node_create(fs, S_IFREG | 0600, 0);

	if (!node)
		return -ENOMEM;
	node->nlink = 0;
	node->data.size = bytes;
	node->data.opened_writable = true;
	*out = &node->inode;
	return 0;
}

static bool has_names(const struct node *node)
{
	return node_is(node, S_IFDIR) && node->dir.entries.root;
}

/* Breaks the cycles between directories and what they contain, from the leaves up; without recursion, as directories may be nested
 * without end. `unlink`: what somebody uses is told that it has lost its name. */
static void clear_names(struct node *top, bool unlink)
{
	struct node *dir = top;

	for (;;) {
		struct entry *entry = entry_after(dir, 0);

		if (!entry && dir == top)
			return;
		if (!entry) {
			dir = node_of(dir->inode.parent);
		} else if (entry->target && has_names(entry->target)) {
			dir = entry->target;
		} else {
			if (unlink && entry->target)
				node_unlinked(entry->target, dir, entry->name, entry->length);
			entry_remove(dir, entry);
		}
	}
}

void memfs_clear(struct memfs *fs)
{
	clear_names(node_of(fs->fs.root), true);
}

static struct node *find_pinned(struct memfs *fs)
{
	for (struct rb_node *at = rb_first(&fs->index); at; at = rb_next(at)) {
		struct node *node = container_of(at, struct node, index_node);

		if (node->pinned)
			return node;
	}
	return NULL;
}

void memfs_destroy(struct memfs *fs)
{
	struct node *node;

	clear_names(node_of(fs->fs.root), false);
	while ((node = find_pinned(fs))) {
		if (node_is(node, S_IFDIR))
			clear_names(node, false);
		node->pinned = false;
		inode_put(&node->inode);
	}
	inode_put(fs->fs.root);
	mem_free(fs);
}
