/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * epoll instances. An instance has an item for each watched descriptor. An item waits in its file's queue; when an event comes it goes
 * on the instance's ready list, so that waiting costs what is ready, not what is watched. Being on that list means "look": only
 * the file's poll() says what is so.
 *
 * `queued` says that an item is on the ready list, or on its way there; who sets it puts the item there. It is cleared before
 * poll() is asked, so that an event that comes after the answer queues the item again.
 */
#include <base/list.h>
#include <base/rbtree.h>
#include <linux/signal.h>
#include <mm/alloc.h>
#include <net/socket.h>

#include "calls.h"
#include "epoll.h"

enum { NESTING_MAX = 4 }; /* instances below an instance */

#define NO_EVENTS (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define READABLE (POLLIN | POLLRDNORM)

/* How far a search for loops has come: valid for the search with this number. */
struct visit {
	uint64_t search; /* [graph] */
	int height;      /* [graph] */
};

struct epoll {
	struct mutex lock;
	struct rb_tree items; /* [lock] struct item.node; changed only under `graph` as well */
	struct spinlock ready_lock;
	struct list_node ready; /* [ready_lock] struct item.ready_link */
	struct waitq waiters;   /* threads in epoll_wait(): exclusive */
	struct waitq pollers;   /* who polls the instance: poll(2), other instances */
	struct file *file;      /* its own, not counted */
	struct visit down, up;
};

struct item {
	struct rb_node node; /* by descriptor and file */
	struct epoll *epoll;
	struct file *file; /* not counted: the item goes with it */
	int fd;
	uint32_t events;             /* [epoll->lock] wanted, with EPOLLET and so on */
	uint64_t data;               /* [epoll->lock] */
	struct list_node file_link;  /* [graph] file->watches */
	struct list_node ready_link; /* [epoll->ready_lock], or the list of a scan */
	bool queued;                 /* atomic */
	struct waitq *queue;         /* where `waiter` is; NULL: the file never changes */
	struct waiter waiter;
};

/* What watches what, of all instances (one graph, so one lock): the items' sets and the files' `watches`. Taken before any
 * instance's lock. The instances' locks nest as the instances do; there are no loops. */
static struct {
	struct mutex lock;
	uint64_t search; /* [lock] number of the last search */
} graph = { .lock.waiters = { &graph.lock.waiters, &graph.lock.waiters } };

static const struct file_ops epoll_ops;

struct epoll *epoll_of(const struct file *file)
{
	return file->ops == &epoll_ops ? file->private : NULL;
}

/* --- the ready list --- */

static bool claim(struct item *item)
{
	return !__atomic_exchange_n(&item->queued, true, __ATOMIC_SEQ_CST);
}

static void put_ready(struct epoll *epoll, struct item *item)
{
	spin_lock(&epoll->ready_lock);
	list_insert_before(&epoll->ready, &item->ready_link);
	spin_unlock(&epoll->ready_lock);
}

/* Whether somebody goes on. */
static bool tell(struct epoll *epoll)
{
	bool waiter = waitq_wake_events(&epoll->waiters, READABLE);
	bool poller = waitq_wake_events(&epoll->pollers, POLLIN);

	return waiter || poller;
}

static bool item_wake(struct waiter *waiter)
{
	struct item *item = container_of(waiter, struct item, waiter);

	if (claim(item))
		put_ready(item->epoll, item);
	return tell(
		item->epoll); /* in any case: each event is an edge for who polls the instance */
}

/* [epoll->lock] */
static unsigned item_poll(const struct item *item)
{
	struct waitq *queue;

	return file_poll(item->file, &queue) & item->events & ~NO_EVENTS;
}

static bool has_ready(const struct epoll *epoll)
{
	return __atomic_load_n(&epoll->ready.next, __ATOMIC_ACQUIRE) != &epoll->ready;
}

static void take_ready(struct epoll *epoll, struct list_node *out) REQUIRES(epoll->lock)
{
	list_init(out);
	spin_lock(&epoll->ready_lock);
	list_move_to_end(out, &epoll->ready);
	spin_unlock(&epoll->ready_lock);
}

/* Those not looked at come first, those to look at again last. */
static void give_back(struct epoll *epoll, struct list_node *rest, struct list_node *again)
	REQUIRES(epoll->lock)
{
	spin_lock(&epoll->ready_lock);
	list_move_to_front(&epoll->ready, rest);
	list_move_to_end(&epoll->ready, again);
	spin_unlock(&epoll->ready_lock);
}

/* [epoll->lock] Takes items off until one is ready; NULL: none is. */
static struct item *next_ready(struct list_node *list, unsigned *events)
{
	struct list_node *node;

	while ((node = list_pop_front(list))) {
		struct item *item = list_entry(node, struct item, ready_link);

		__atomic_store_n(&item->queued, false, __ATOMIC_SEQ_CST);
		*events = item_poll(item);
		if (*events)
			return item;
	}
	return NULL;
}

static void item_put_back(struct item *item, struct list_node *list)
{
	if (claim(item))
		list_insert_before(list, &item->ready_link);
}

/* [epoll->lock] */
static void set_events(struct item *item, uint32_t events)
{
	item->events = events;
	__atomic_store_n(&item->waiter.events, events & ~NO_EVENTS, __ATOMIC_SEQ_CST);
}

/* Copies what is ready to the program: how many; -EFAULT. */
static int report(struct epoll *epoll, uintptr_t address, int max)
{
	struct list_node rest, again;
	struct item *item;
	unsigned events;
	int count = 0, error = 0;

	list_init(&again);
	mutex_lock(&epoll->lock);
	take_ready(epoll, &rest);
	while (count < max && (item = next_ready(&rest, &events))) {
		const struct linux_epoll_event event = { events, item->data };

		error = user_write(address + (size_t)count * sizeof(event), &event, sizeof(event));
		if (error) {
			item_put_back(item, &again);
			break;
		}
		count++;
		if (item->events & EPOLLONESHOT)
			set_events(item, item->events & NO_EVENTS);
		else if (!(item->events & EPOLLET))
			item_put_back(item, &again);
	}
	give_back(epoll, &rest, &again);
	mutex_unlock(&epoll->lock);
	if (has_ready(epoll))
		waitq_wake_events(&epoll->waiters, READABLE);
	return count ? count : error;
}

static unsigned epoll_poll(struct file *file, struct waitq **queue)
{
	struct epoll *epoll = file->private;
	struct list_node rest, again;
	unsigned events;

	*queue = &epoll->pollers;
	if (!has_ready(epoll))
		return 0;
	list_init(&again);
	mutex_lock(&epoll->lock);
	take_ready(epoll, &rest);
	struct item *item = next_ready(&rest, &events);
	if (item && claim(item))
		list_insert_after(&rest, &item->ready_link);
	give_back(epoll, &rest, &again);
	mutex_unlock(&epoll->lock);
	return item ? READABLE : 0;
}

/* --- the set --- */

static int compare(const struct item *item, int fd, const struct file *file)
{
	if (item->fd != fd)
		return item->fd < fd ? -1 : 1;
	return item->file == file ? 0 : (uintptr_t)item->file < (uintptr_t)file ? -1 : 1;
}

static struct item *item_of(struct rb_node *node)
{
	return node ? container_of(node, struct item, node) : NULL;
}

/* The item of a descriptor and file; NULL: none, and then *parent and *at say where it would be. */
static struct item *find(struct epoll *epoll, int fd, const struct file *file,
			 struct rb_node **parent, struct rb_node ***at) REQUIRES(epoll->lock)
{
	*parent = NULL;
	*at = &epoll->items.root;
	while (**at) {
		int order = compare(item_of(**at), fd, file);

		if (!order)
			return item_of(**at);
		*parent = **at;
		*at = order > 0 ? &(**at)->left : &(**at)->right;
	}
	return NULL;
}

/* Looks at once, as no event may come for what is so already. */
static void look_at(struct epoll *epoll, struct item *item) REQUIRES(epoll->lock)
{
	if (!item_poll(item) || !claim(item))
		return;
	put_ready(epoll, item);
	tell(epoll);
}

static void start_watch(struct epoll *epoll, struct item *item) REQUIRES(epoll->lock)
{
	waiter_init(&item->waiter);
	item->waiter.wake = item_wake;
	item->waiter.exclusive = item->events & EPOLLEXCLUSIVE;
	set_events(item, item->events);
	file_poll(item->file, &item->queue);
	if (item->queue)
		waitq_add(item->queue, &item->waiter);
	look_at(epoll, item);
}

/* Takes an item out of everything. */
static void item_detach(struct item *item) REQUIRES(graph.lock)
{
	struct epoll *epoll = item->epoll;

	mutex_lock(&epoll->lock);
	if (item->queue)
		waitq_remove(item->queue, &item->waiter);
	spin_lock(&epoll->ready_lock);
	list_remove(&item->ready_link);
	spin_unlock(&epoll->ready_lock);
	rb_remove(&epoll->items, &item->node);
	mutex_unlock(&epoll->lock);
	list_remove(&item->file_link);
	mem_free(item);
}

/* The file goes: nothing may watch it any more. */
static void unwatch(struct file *file)
{
	mutex_lock(&graph.lock);
	list_for_each(node, &file->watches)
		item_detach(list_entry(node, struct item, file_link));
	mutex_unlock(&graph.lock);
}

static void epoll_release(struct file *file)
{
	struct epoll *epoll = file->private;

	mutex_lock(&graph.lock);
	while (epoll->items.root)
		item_detach(item_of(epoll->items.root));
	mutex_unlock(&graph.lock);
	mem_free(epoll);
}

static const struct file_ops epoll_ops = { .name = "[eventpoll]",
					   .poll = epoll_poll,
					   .release = epoll_release };

/* --- loops --- */

/* How many instances lie below this one, one in the other; more than NESTING_MAX if `sought` is among them. */
static int height_below(struct epoll *epoll, const struct epoll *sought, int depth)
	REQUIRES(graph.lock)
{
	int height = 0;

	if (epoll == sought || depth > NESTING_MAX)
		return NESTING_MAX + 1;
	if (epoll->down.search == graph.search)
		return epoll->down.height;
	for (struct rb_node *node = rb_first(&epoll->items); node; node = rb_next(node)) {
		struct epoll *below = epoll_of(item_of(node)->file);

		if (below)
			height = max(height, height_below(below, sought, depth + 1) + 1);
	}
	epoll->down = (struct visit){ graph.search, height };
	return height;
}

/* How many lie above it. */
static int height_above(struct epoll *epoll, int depth) REQUIRES(graph.lock)
{
	int height = 0;

	if (depth > NESTING_MAX)
		return NESTING_MAX + 1;
	if (epoll->up.search == graph.search)
		return epoll->up.height;
	list_for_each(node, &epoll->file->watches) {
		struct epoll *above = list_entry(node, struct item, file_link)->epoll;

		height = max(height, height_above(above, depth + 1) + 1);
	}
	epoll->up = (struct visit){ graph.search, height };
	return height;
}

/* -ELOOP: with `below` under it there would be a loop, or too many one in the other. */
static int check_nesting(struct epoll *epoll, struct epoll *below) REQUIRES(graph.lock)
{
	graph.search++;
	int height = height_below(below, epoll, 0);

	if (height <= NESTING_MAX)
		height += 1 + height_above(epoll, 0);
	return height > NESTING_MAX ? -ELOOP : 0;
}

/* By how many ways up, each through so many instances more than one, an event may go. Every one of them is walked when it comes,
 * and their number could grow as a power of that of the instances (Linux, fs/eventpoll.c, path_limits). */
static const unsigned short ways_max[NESTING_MAX + 1] = { 0 /* any number */, 500, 100, 50, 10 };

/* Counts those of a file; false: too many. */
static bool count_ways(const struct file *file, unsigned depth, unsigned counts[])
	REQUIRES(graph.lock)
{
	list_for_each(node, &file->watches) {
		const struct file *above = list_entry(node, struct item, file_link)->epoll->file;

		if (!list_empty(&above->watches)) {
			if (depth == NESTING_MAX || !count_ways(above, depth + 1, counts))
				return false;
		} else if (depth && ++counts[depth] > ways_max[depth]) {
			return false;
		}
	}
	return true;
}

/* Whether no file below has too many, `file` included. */
static bool ways_are_few(const struct file *file) REQUIRES(graph.lock)
{
	unsigned counts[NESTING_MAX + 1] = { 0 };
	struct epoll *epoll = epoll_of(file);

	if (!epoll)
		return count_ways(file, 0, counts);
	if (epoll->down.search == graph.search)
		return true;
	epoll->down.search = graph.search;
	for (struct rb_node *node = rb_first(&epoll->items); node; node = rb_next(node)) {
		if (!ways_are_few(item_of(node)->file))
			return false;
	}
	return true;
}

/* -EINVAL: with this new item there are too many. */
static int check_ways(const struct item *item) REQUIRES(graph.lock)
{
	if (!epoll_of(item->file) && list_empty(&item->epoll->file->watches))
		return 0;
	graph.search++;
	return ways_are_few(item->file) ? 0 : -EINVAL;
}

/* --- changing the set --- */

static int insert(struct epoll *epoll, struct item *item) REQUIRES(graph.lock)
{
	struct epoll *below = epoll_of(item->file);
	struct rb_node *parent, **at;
	int error = 0;

	mutex_lock(&epoll->lock);
	if (find(epoll, item->fd, item->file, &parent, &at))
		error = -EEXIST;
	else if (below)
		error = check_nesting(epoll, below);
	if (!error) {
		list_insert_before(&item->file->watches, &item->file_link);
		error = check_ways(item);
		if (error)
			list_remove(&item->file_link);
	}
	if (!error) {
		rb_insert(&epoll->items, &item->node, parent, at);
		item->file->unwatch = unwatch;
		start_watch(epoll, item);
	}
	mutex_unlock(&epoll->lock);
	return error;
}

int epoll_add(struct epoll *epoll, int fd, struct file *file, const struct linux_epoll_event *event)
{
	struct item *item = mem_alloc(sizeof(*item));

	if (!item)
		return -ENOMEM;
	*item = (struct item){ .epoll = epoll,
			       .file = file,
			       .fd = fd,
			       .events = event->events | POLLERR | POLLHUP,
			       .data = event->data };
	list_init(&item->ready_link);
	mutex_lock(&graph.lock);
	int error = insert(epoll, item);
	mutex_unlock(&graph.lock);
	if (error)
		mem_free(item);
	return error;
}

int epoll_delete(struct epoll *epoll, int fd, const struct file *file)
{
	struct rb_node *parent, **at;

	mutex_lock(&graph.lock);
	mutex_lock(&epoll->lock);
	struct item *item = find(epoll, fd, file, &parent, &at);
	mutex_unlock(&epoll->lock);
	if (item)
		item_detach(item);
	mutex_unlock(&graph.lock);
	return item ? 0 : -ENOENT;
}

int epoll_modify(struct epoll *epoll, int fd, const struct file *file,
		 const struct linux_epoll_event *event)
{
	struct rb_node *parent, **at;
	int error = 0;

	mutex_lock(&epoll->lock);
	struct item *item = find(epoll, fd, file, &parent, &at);
	if (!item) {
		error = -ENOENT;
	} else if (item->events & EPOLLEXCLUSIVE) {
		error = -EINVAL;
	} else {
		item->data = event->data;
		set_events(item, event->events | POLLERR | POLLHUP);
		look_at(epoll, item);
	}
	mutex_unlock(&epoll->lock);
	return error;
}

struct file *epoll_create(void)
{
	struct epoll *epoll = mem_zalloc(sizeof(*epoll));
	struct file *file = epoll ? file_create(&epoll_ops, O_RDWR, epoll) : NULL;

	if (!file) {
		mem_free(epoll);
		return NULL;
	}
	mutex_init(&epoll->lock);
	spin_init(&epoll->ready_lock);
	list_init(&epoll->ready);
	waitq_init(&epoll->waiters);
	waitq_init(&epoll->pollers);
	epoll->file = file;
	return file;
}

/* Sleeps until something may be ready. 0, -ETIMEDOUT, -EINTR. */
static int sleep(struct epoll *epoll, uint64_t deadline)
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	int error = 0;

	waiter_init(&waiter);
	waiter.exclusive = true;
	waitq_add(&epoll->waiters, &waiter);
	if (!has_ready(epoll) && !socket_before_sleep())
		error = thread_wait(waiters, 1, deadline, WAIT_INTERRUPTIBLE);
	waitq_remove(&epoll->waiters, &waiter);
	if (error == -EINTR && !signal_is_pending() && !thread_current()->user_work) {
		thread_clear_interrupt(); /* it was for a signal that another task has taken */
		error = 0;
	}
	return error;
}

long epoll_wait_ready(struct epoll *epoll, uintptr_t address, int max, uint64_t deadline)
{
	int error = deadline ? 0 : -ETIMEDOUT;

	for (;;) {
		int count = has_ready(epoll) ? report(epoll, address, max) : 0;

		if (count)
			return count;
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
		error = signal_is_pending() ? -EINTR : sleep(epoll, deadline);
	}
}
