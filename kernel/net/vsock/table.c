/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of sockets, and connections by their two ends. Under net_mutex. */
#include <base/errno.h>
#include <core/random.h>

#include "vsock.h"

enum { PORT_TRIES = 24 };

/* One table in the machine. [net_mutex] */
static struct {
	struct rb_tree names;       /* by port, then CID */
	struct rb_tree connections; /* by remote address, then local port */
	uint32_t next_port;         /* 0: none was chosen yet */
} table;

bool vsock_is_own(uint32_t cid)
{
	const struct vsock_dev *dev = vsock_device();

	return cid == VSOCK_CID_LOCAL || (dev && cid == dev->cid);
}

/* --- names --- */

static struct vsock *of_name(struct rb_node *node)
{
	return container_of(node, struct vsock, name);
}

static int compare_names(struct vsock_address a, struct vsock_address b)
{
	if (a.port != b.port)
		return a.port < b.port ? -1 : 1;
	return a.cid == b.cid ? 0 : a.cid < b.cid ? -1 : 1;
}

/* The first name with this port. */
static struct rb_node *first_with_port(uint32_t port)
{
	struct rb_node *node = table.names.root, *found = NULL;

	while (node) {
		bool before = of_name(node)->local.port < port;

		if (of_name(node)->local.port == port)
			found = node;
		node = before ? node->right : node->left;
	}
	return found;
}

/* Names of a port are few: a machine has two addresses. */
struct vsock *vsock_find_bound(struct vsock_address address)
{
	for (struct rb_node *node = first_with_port(address.port);
	     node && of_name(node)->local.port == address.port; node = rb_next(node)) {
		uint32_t cid = of_name(node)->local.cid;

		if (cid == address.cid || cid == VSOCK_CID_ANY || address.cid == VSOCK_CID_ANY)
			return of_name(node);
	}
	return NULL;
}

static int choose_port(struct vsock_address *address) REQUIRES(net_mutex)
{
	if (!table.next_port)
		random_bytes(&table.next_port, sizeof table.next_port);
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		if (table.next_port <= VSOCK_PORT_RESERVED_MAX || table.next_port == VSOCK_PORT_ANY)
			table.next_port = VSOCK_PORT_RESERVED_MAX + 1;
		address->port = table.next_port++;
		if (!vsock_find_bound(*address))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

int vsock_bind(struct vsock *vsock, struct vsock_address address)
{
	struct rb_node **at = &table.names.root, *parent = NULL;
	int error = 0;

	if (address.cid != VSOCK_CID_ANY && !vsock_is_own(address.cid))
		return -EADDRNOTAVAIL;
	if (address.port == VSOCK_PORT_ANY)
		error = choose_port(&address);
	else if (vsock_find_bound(address))
		error = -EADDRINUSE;
	if (error)
		return error;
	while (*at) {
		parent = *at;
		at = compare_names(address, of_name(parent)->local) < 0 ? &parent->left
									: &parent->right;
	}
	vsock->local = address;
	vsock->is_bound = true;
	rb_insert(&table.names, &vsock->name, parent, at);
	return 0;
}

void vsock_unbind(struct vsock *vsock)
{
	if (vsock->is_bound)
		rb_remove(&table.names, &vsock->name);
	vsock->is_bound = false;
}

/* --- connections --- */

static struct vsock *of_connection(struct rb_node *node)
{
	return node ? container_of(node, struct vsock, connection) : NULL;
}

static int compare_connections(struct vsock_address remote, uint32_t local_port,
			       const struct vsock *with)
{
	int order = compare_names(remote, with->remote);

	if (order)
		return order;
	return local_port == with->local.port ? 0 : local_port < with->local.port ? -1 : 1;
}

int vsock_list(struct vsock *vsock)
{
	struct rb_node **at = &table.connections.root, *parent = NULL;

	while (*at) {
		int order = compare_connections(vsock->remote, vsock->local.port,
						of_connection(*at));

		if (!order)
			return -EADDRINUSE;
		parent = *at;
		at = order < 0 ? &parent->left : &parent->right;
	}
	rb_insert(&table.connections, &vsock->connection, parent, at);
	vsock->is_listed = true;
	return 0;
}

void vsock_unlist(struct vsock *vsock)
{
	if (vsock->is_listed)
		rb_remove(&table.connections, &vsock->connection);
	vsock->is_listed = false;
}

struct vsock *vsock_find_connection(struct vsock_address remote, uint32_t local_port)
{
	struct rb_node *node = table.connections.root;

	while (node) {
		int order = compare_connections(remote, local_port, of_connection(node));

		if (!order)
			return of_connection(node);
		node = order < 0 ? node->left : node->right;
	}
	return NULL;
}

struct vsock *vsock_next_connection(const struct vsock *vsock)
{
	return of_connection(vsock ? rb_next(&vsock->connection) : rb_first(&table.connections));
}
