/* SPDX-License-Identifier: BSD-3-Clause */
/* Where AF_UNIX sockets are bound: at an inode, or at an abstract name, which exists for each type of socket by itself. */
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <fs/path.h>
#include <mm/alloc.h>

#include "unix.h"

/* All bound ends; an abstract name is the machine's. [unix_mutex] */
static struct rb_tree bound_ends;

static struct unix_end *end_of(struct rb_node *node)
{
	return node ? container_of(node, struct unix_end, bound) : NULL;
}

static int compare_numbers(uintptr_t a, uintptr_t b)
{
	return a < b ? -1 : a > b;
}

static int compare(const struct unix_name *a, int a_type, const struct unix_name *b, int b_type)
{
	int order = compare_numbers((uintptr_t)a->inode, (uintptr_t)b->inode);

	if (order || a->inode)
		return order;
	order = compare_numbers((unsigned)a_type, (unsigned)b_type);
	if (!order)
		order = compare_numbers(a->bytes, b->bytes);
	return order ? order : memcmp(a->address, b->address, a->bytes);
}

/* The end bound to a name, of this type where it is abstract; NULL: none, and *parent and *at say where it would be. */
static struct unix_end *find_bound(const struct unix_name *name, int type, struct rb_node **parent,
				   struct rb_node ***at) REQUIRES(unix_mutex)
{
	*parent = NULL;
	*at = &bound_ends.root;
	while (**at) {
		struct unix_end *end = end_of(**at);
		int order = compare(name, type, end->name, end->type);

		if (!order)
			return end;
		*parent = **at;
		*at = order < 0 ? &(**at)->left : &(**at)->right;
	}
	return NULL;
}

void unix_name_put(struct unix_name *name)
{
	if (!name || --name->refs)
		return;
	inode_put(name->inode);
	mem_free(name);
}

void unix_unbind(struct unix_end *end)
{
	if (!end->is_bound)
		return;
	end->is_bound = false;
	rb_remove(&bound_ends, &end->bound);
}

uint32_t unix_name_copy(const struct unix_end *end, void *address)
{
	static const uint16_t family = AF_UNIX;
	const struct unix_name *name = end->name;

	if (!name) {
		memcpy(address, &family, sizeof family);
		return sizeof family;
	}
	memcpy(address, name->address, name->bytes);
	return name->bytes;
}

/* --- addresses from the program --- */

static bool is_path(const struct unix_name *name)
{
	return name->address[UNIX_PATH_OFFSET] != 0;
}

static const char *path_of(const struct unix_name *name)
{
	return (const char *)name->address + UNIX_PATH_OFFSET;
}

/* Checks an address and puts it into a name of the caller's. A path ends at its NUL, if there is one, and counts with it. */
static int parse(const void *address, uint32_t bytes, struct unix_name *out)
{
	uint16_t family;

	if (bytes <= UNIX_PATH_OFFSET || bytes > UNIX_ADDRESS_MAX)
		return -EINVAL;
	memcpy(&family, address, sizeof family);
	if (family != AF_UNIX)
		return -EINVAL;
	*out = (struct unix_name){ .refs = 1, .bytes = bytes };
	memcpy(out->address, address, bytes);
	if (is_path(out))
		out->bytes = (uint32_t)(UNIX_PATH_OFFSET + strnlen(path_of(out), UNIX_PATH_BYTES) +
					1);
	return 0;
}

/* --- binding --- */

static int enter(struct unix_end *end, struct unix_name *name) REQUIRES(unix_mutex)
{
	struct rb_node *parent, **at;

	if (end->name)
		return -EINVAL;
	if (find_bound(name, end->type, &parent, &at))
		return -EADDRINUSE;
	end->name = name;
	end->is_bound = true;
	rb_insert(&bound_ends, &end->bound, parent, at);
	return 0;
}

static bool has_name(struct unix_end *end)
{
	return __atomic_load_n(&end->name, __ATOMIC_RELAXED);
}

/* Makes the inode. */
static int make_inode(struct unix_name *name)
{
	const struct path_context *paths = socket_caller_paths();
	char path[UNIX_PATH_BYTES + 1];
	int error;

	memcpy(path, path_of(name), UNIX_PATH_BYTES);
	path[UNIX_PATH_BYTES] = 0;
	error = path_mknod(paths, NULL, path, S_IFSOCK | 0777, 0);
	if (!error)
		error = path_lookup(paths, NULL, path, PATH_NOFOLLOW, &name->inode);
	return error == -EEXIST ? -EADDRINUSE : error;
}

static int bind_copy(struct unix_end *end, const struct unix_name *parsed)
{
	struct unix_name *name = mem_alloc(sizeof *name);
	int error;

	if (!name)
		return -ENOMEM;
	*name = *parsed;
	error = is_path(name) ? make_inode(name) : 0;
	mutex_lock(&unix_mutex);
	if (!error)
		error = enter(end, name);
	if (error)
		unix_name_put(name);
	unix_unlock();
	return error;
}

int unix_bind_auto(struct socket *socket)
{
	static uint32_t last; /* the last name given; atomic */
	struct unix_end *end = unix_end(socket);
	struct unix_name name = { .refs = 1,
				  .bytes = UNIX_PATH_OFFSET + 6,
				  .address = { AF_UNIX } };
	int error = -EADDRINUSE;

	while (!has_name(end) && error == -EADDRINUSE) {
		uint32_t number = __atomic_fetch_add(&last, 1, __ATOMIC_RELAXED) & 0xfffff;

		format((char *)name.address + UNIX_PATH_OFFSET + 1, 6, "%05x", number);
		error = bind_copy(end, &name);
	}
	return has_name(end) ? 0 : error;
}

int unix_bind(struct socket *socket, const void *address, uint32_t bytes)
{
	struct unix_end *end = unix_end(socket);
	struct unix_name name;
	uint16_t family;
	int error;

	if (bytes == sizeof family) {
		memcpy(&family, address, sizeof family);
		return family == AF_UNIX ? unix_bind_auto(socket) : -EINVAL;
	}
	error = parse(address, bytes, &name);
	if (error)
		return error;
	return has_name(end) ? -EINVAL : bind_copy(end, &name);
}

/* --- finding --- */

static int find_inode(struct unix_name *name)
{
	char path[UNIX_PATH_BYTES + 1];
	int error;

	memcpy(path, path_of(name), UNIX_PATH_BYTES);
	path[UNIX_PATH_BYTES] = 0;
	error = path_lookup(socket_caller_paths(), NULL, path, 0, &name->inode);
	if (error)
		return error;
	if ((name->inode->mode & S_IFMT) == S_IFSOCK)
		return 0;
	inode_put(name->inode);
	return -ECONNREFUSED;
}

int unix_find(const void *address, uint32_t bytes, int type, struct unix_end **out)
{
	struct rb_node *parent, **at;
	struct unix_name name;
	int error = parse(address, bytes, &name);

	if (!error && is_path(&name))
		error = find_inode(&name);
	if (error)
		return error;
	mutex_lock(&unix_mutex);
	*out = find_bound(&name, type, &parent, &at);
	if (!*out)
		error = -ECONNREFUSED;
	else if ((*out)->type != type)
		error = -EPROTOTYPE;
	else
		unix_end_get(*out);
	unix_unlock();
	inode_put(name.inode);
	return error;
}
