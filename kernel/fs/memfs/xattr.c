/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes of nodes: a list, as files have few. All under fs.lock. */
#include "node.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

struct xattr {
	struct xattr *next;
	size_t name_bytes, bytes; /* the name's with its NUL */
	char data[];              /* name, value */
};

/* The link that leads to it, or the last one. */
static struct xattr **find(struct node *node, const char *name)
{
	struct xattr **link = &node->xattrs;

	while (*link && strcmp((*link)->data, name))
		link = &(*link)->next;
	return link;
}

ssize_t node_get_xattr(struct inode *inode, const char *name, void *value, size_t size)
{
	const struct xattr *x = *find(node_of(inode), name);

	if (!x)
		return -ENODATA;
	if (!size)
		return (ssize_t)x->bytes;
	if (size < x->bytes)
		return -ERANGE;
	memcpy(value, x->data + x->name_bytes, x->bytes);
	return (ssize_t)x->bytes;
}

ssize_t node_list_xattrs(struct inode *inode, char *names, size_t size)
{
	size_t total = 0;

	for (const struct xattr *x = node_of(inode)->xattrs; x; x = x->next) {
		if (size && x->name_bytes > size - total)
			return -ERANGE;
		if (size)
			memcpy(names + total, x->data, x->name_bytes);
		total += x->name_bytes;
	}
	return (ssize_t)total;
}

static struct xattr *create(const char *name, const void *value, size_t bytes)
{
	size_t name_bytes = strlen(name) + 1;
	struct xattr *x = mem_alloc(sizeof(*x) + name_bytes + bytes);

	if (!x)
		return NULL;
	*x = (struct xattr){ .name_bytes = name_bytes, .bytes = bytes };
	memcpy(x->data, name, name_bytes);
	memcpy(x->data + name_bytes, value, bytes);
	return x;
}

int node_set_xattr(struct inode *inode, const char *name, const void *value, size_t bytes,
		   unsigned flags)
{
	struct node *node = node_of(inode);
	struct xattr **link = find(node, name), *old = *link, *new = NULL;

	if (old && flags & INODE_XATTR_CREATE)
		return -EEXIST;
	if (!old && (flags & INODE_XATTR_REPLACE || !value))
		return -ENODATA;
	if (value) {
		new = create(name, value, bytes);
		if (!new)
			return -ENOMEM;
		new->next = old ? old->next : NULL;
	}
	*link = new ? new : old->next;
	mem_free(old);
	node_changed(node);
	return 0;
}

void node_remove_xattrs(struct node *node)
{
	struct xattr *x = node->xattrs, *next;

	for (; x; x = next) {
		next = x->next;
		mem_free(x);
	}
}
