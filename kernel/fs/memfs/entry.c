/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names a directory has in memory, ordered by a key that is made from the name's hash and, for names of one hash, a number:
 * so a key serves as readdir's cookie, and stays valid whatever else comes and goes. Under the file system's lock.
 */
#include "node.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

enum { NUMBER_BITS = 8, NUMBERS = 1 << NUMBER_BITS };

/* FNV-1a (Fowler, Noll, Vo), its upper 48 bits; never 0. */
static uint64_t hash(const char *name, size_t length)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3;
	return ((h >> 16) + 1) << NUMBER_BITS;
}

static struct entry *entry_of(struct rb_node *node)
{
	return node ? container_of(node, struct entry, node) : NULL;
}

/* The first entry with this key or a greater one. */
static struct entry *first_from(struct node *dir, uint64_t key)
{
	struct rb_node *at = dir->dir.entries.root, *best = NULL;

	while (at) {
		if (entry_of(at)->key >= key) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return entry_of(best);
}

struct entry *entry_after(struct node *dir, uint64_t key)
{
	return first_from(dir, key + 1);
}

struct entry *entry_find(struct node *dir, const char *name, size_t length)
{
	uint64_t key;

	if (!dir->dir.entries.root)
		return NULL;
	key = hash(name, length);
	for (struct entry *e = first_from(dir, key); e && e->key < key + NUMBERS;
	     e = entry_of(rb_next(&e->node)))
		if (e->length == length && !memcmp(e->name, name, length))
			return e;
	return NULL;
}

/* A key that no entry has; 0: all of this hash are taken. */
static uint64_t free_key(struct node *dir, const char *name, size_t length)
{
	uint64_t start = hash(name, length), key = start;

	for (struct entry *e = first_from(dir, key); e && e->key == key;
	     e = entry_of(rb_next(&e->node)))
		key++;
	return key < start + NUMBERS ? key : 0;
}

static void insert(struct node *dir, struct entry *entry)
{
	struct rb_node **at = &dir->dir.entries.root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = entry->key < entry_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_insert(&dir->dir.entries, &entry->node, parent, at);
}

int entry_prepare(struct node *dir, const char *name, size_t length, struct entry **out,
		  bool *added)
{
	struct entry *entry = entry_find(dir, name, length);
	uint64_t key;

	*added = !entry;
	*out = entry;
	if (entry)
		return 0;
	key = free_key(dir, name, length);
	if (!key)
		return -ENOSPC;
	entry = mem_alloc(sizeof *entry + length);
	if (!entry)
		return -ENOMEM;
	entry->key = key;
	entry->target = NULL;
	entry->length = length;
	memcpy(entry->name, name, length);
	node_pin(dir);
	insert(dir, entry);
	*out = entry;
	return 0;
}

void entry_set(struct node *dir, struct entry *entry, struct node *target)
{
	struct node *before = entry->target;

	if (target)
		inode_get(&target->inode);
	entry->target = target;
	dir->dir.live += !!target;
	dir->dir.live -= !!before;
	if (before)
		inode_put(&before->inode);
}

void entry_remove(struct node *dir, struct entry *entry)
{
	entry_set(dir, entry, NULL);
	rb_remove(&dir->dir.entries, &entry->node);
	mem_free(entry);
}

void entry_remove_all(struct node *dir)
{
	struct rb_node *first;

	while ((first = rb_first(&dir->dir.entries)))
		entry_remove(dir, entry_of(first));
}
