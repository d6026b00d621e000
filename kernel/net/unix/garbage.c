/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files in flight: descriptors that were sent and not yet received. Two sockets that have each other in flight, and that nobody
 * has open, would live for ever: when a socket is closed while others are in flight, those are looked for and taken out.
 *
 * Closing a file may close another socket, and so on, as deep as the program likes: files are not put where they are found,
 * but one after the other by who releases the mutex.
 */
#include <mm/alloc.h>

#include "unix.h"

struct mutex unix_mutex = { .waiters = { &unix_mutex.waiters, &unix_mutex.waiters } };

/* Of all AF_UNIX sockets: descriptors in flight may be anybody's. [unix_mutex] */
static struct {
	struct list_node flying; /* struct unix_end.flying: those with in_flight > 0 */
	unsigned flights;        /* sum of in_flight */
	unsigned limit;          /* from so many on, sending looks for garbage */
	struct list_node graves; /* struct unix_message.link */
	bool is_burying;         /* somebody destroys what is there */
} all = { .flying = { &all.flying, &all.flying }, .graves = { &all.graves, &all.graves } };

enum { LIMIT_MIN = 64 };

static struct unix_end *end_of_file(struct file *file)
{
	struct socket *socket = socket_of(file);

	return socket && socket->family->number == AF_UNIX ? unix_end(socket) : NULL;
}

void unix_fly(struct file *file)
{
	struct unix_end *end = end_of_file(file);

	if (!end)
		return;
	if (!end->in_flight++)
		list_insert_before(&all.flying, &end->flying);
	all.flights++;
}

void unix_land(struct file *file)
{
	struct unix_end *end = end_of_file(file);

	if (!end)
		return;
	if (!--end->in_flight)
		list_remove(&end->flying);
	all.flights--;
}

/* --- burying --- */

void unix_bury(struct unix_message *m)
{
	list_insert_before(&all.graves, &m->link);
}

void unix_unlock(void)
{
	struct list_node *node;

	if (!all.is_burying) {
		all.is_burying = true;
		while ((node = list_pop_front(&all.graves))) {
			mutex_unlock(&unix_mutex);
			unix_message_destroy(list_entry(node, struct unix_message, link));
			mutex_lock(&unix_mutex);
		}
		all.is_burying = false;
	}
	mutex_unlock(&unix_mutex);
}

/* --- garbage --- */

/* Calls fn for the candidates in flight in an end's queue. */
static void each_candidate_in_queue(const struct unix_end *end,
				    void (*fn)(struct unix_end *target, struct list_node *grays),
				    struct list_node *grays)
{
	list_for_each(node, &end->messages) {
		const struct unix_message *m = list_entry(node, struct unix_message, link);

		for (unsigned i = 0; i < m->file_count; i++) {
			struct unix_end *target = end_of_file(m->files[i]);

			if (target && target->is_candidate)
				fn(target, grays);
		}
	}
}

/* The same for a listener's connections that nobody has accepted, which are as reachable as it is. */
static void each_candidate(const struct unix_end *end,
			   void (*fn)(struct unix_end *target, struct list_node *grays),
			   struct list_node *grays)
{
	each_candidate_in_queue(end, fn, grays);
	list_for_each(node, &end->pending)
		each_candidate_in_queue(list_entry(node, struct unix_end, link), fn, grays);
}

static void explain(struct unix_end *target, struct list_node *grays)
{
	(void)grays;
	target->unexplained--;
}

static void reach(struct unix_end *target, struct list_node *grays)
{
	if (target->is_reachable)
		return;
	target->is_reachable = true;
	list_insert_before(grays, &target->gray);
}

static void drop_messages_with_files(struct unix_end *end) REQUIRES(unix_mutex)
{
	list_for_each(node, &end->messages) {
		struct unix_message *m = list_entry(node, struct unix_message, link);

		if (!m->file_count)
			continue;
		end->message_count--;
		unix_message_drop(m);
	}
}

static void drop_garbage(struct unix_end *end) REQUIRES(unix_mutex)
{
	drop_messages_with_files(end);
	list_for_each(node, &end->pending)
		drop_messages_with_files(list_entry(node, struct unix_end, link));
}

/* Candidates are those that nobody but messages refers to. One whose references do not all lie in queues of candidates can be
 * received by somebody, and so can what lies in its queue; the rest is garbage. */
void unix_collect(void)
{
	struct list_node grays, *node;

	if (list_empty(&all.flying))
		return;

	list_init(&grays);
	list_for_each(it, &all.flying) {
		struct unix_end *end = list_entry(it, struct unix_end, flying);
		uint32_t refs = __atomic_load_n(&end->socket->file->refs, __ATOMIC_RELAXED);

		end->is_candidate = refs == end->in_flight;
		end->is_reachable = false;
		end->unexplained = end->in_flight;
	}
	list_for_each(it, &all.flying) {
		struct unix_end *end = list_entry(it, struct unix_end, flying);

		if (end->is_candidate)
			each_candidate(end, explain, NULL);
	}
	list_for_each(it, &all.flying) {
		struct unix_end *end = list_entry(it, struct unix_end, flying);

		if (end->is_candidate && end->unexplained)
			reach(end, &grays);
	}
	while ((node = list_pop_front(&grays)))
		each_candidate(list_entry(node, struct unix_end, gray), reach, &grays);
	list_for_each(it, &all.flying) {
		struct unix_end *end = list_entry(it, struct unix_end, flying);

		if (end->is_candidate && !end->is_reachable)
			list_insert_before(&grays, &end->gray);
		end->is_candidate = false;
	}
	while ((node = list_pop_front(&grays)))
		drop_garbage(list_entry(node, struct unix_end, gray));
}

void unix_limit_flights(void)
{
	if (all.flights < max(all.limit, (unsigned)LIMIT_MIN))
		return;
	unix_collect();
	all.limit = 2 * all.flights;
}
