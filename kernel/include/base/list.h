/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An intrusive, circular, doubly linked list. The head is a node of its own; a node on no list is
 * either never linked (after list_init) or was unlinked by list_remove, which makes it point at
 * itself so that list_linked can tell. No locking: the owner's lock guards it. Usable on the host.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct list_node {
	struct list_node *next, *prev;
};

static inline void list_init(struct list_node *n)
{
	n->next = n->prev = n;
}

/** Whether a node is on a list; for a head: whether the list has any node. */
static inline bool list_linked(const struct list_node *n)
{
	return n->next != n;
}

static inline bool list_empty(const struct list_node *head)
{
	return head->next == head;
}

/** Links `n` behind `at`; with the head as `at`, at the front. */
static inline void list_insert_after(struct list_node *at, struct list_node *n)
{
	n->prev = at;
	n->next = at->next;
	at->next->prev = n;
	at->next = n;
}

/** Links `n` before `at`; with the head as `at`, at the end. */
static inline void list_insert_before(struct list_node *at, struct list_node *n)
{
	list_insert_after(at->prev, n);
}

static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/** Takes the first node off; NULL where there is none. */
static inline struct list_node *list_pop_front(struct list_node *head)
{
	struct list_node *n = head->next;

	if (n == head)
		return NULL;
	list_remove(n);
	return n;
}

/** Moves all of `from`, in its order, to the front of `to`; `from` is empty then. */
static inline void list_move_to_front(struct list_node *to, struct list_node *from)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	from->next->prev = to;
	list_init(from);
}

/** The same to the end. */
static inline void list_move_to_end(struct list_node *to, struct list_node *from)
{
	list_move_to_front(to->prev, from);
}

/* The body may remove `node` itself, since the successor is read first; it must not remove that
 * one. */
#define list_for_each(node, head)                                                               \
	for (struct list_node *node = (head)->next, *node##_next_ = node->next; node != (head); \
	     node = node##_next_, node##_next_ = node->next)

#define list_entry(node, type, member) container_of(node, type, member)
