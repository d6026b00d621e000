/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inotify(7): an instance is a file from which events of the inodes it watches are read. One mutex guards all instances and
 * watches: they meet at the inodes. The file systems tell through <fs/notify.h>, where nobody listens before the first instance.
 */
#include <base/list.h>
#include <base/rbtree.h>
#include <base/string.h>
#include <fs/notify.h>
#include <fs/uio.h>
#include <mm/alloc.h>

#include "calls.h"

/* Besides the events of <fs/notify.h> */
#define IN_Q_OVERFLOW 0x4000u
#define IN_IGNORED 0x8000u
#define IN_ONLYDIR BIT(24)
#define IN_DONT_FOLLOW BIT(25)
#define IN_EXCL_UNLINK BIT(26)
#define IN_MASK_CREATE BIT(28)
#define IN_MASK_ADD BIT(29)
#define IN_ISDIR BIT(30)
#define IN_ONESHOT BIT(31)
#define IN_ALL_EVENTS 0xfffu
#define KNOWN_BITS                                                                                 \
	(IN_ALL_EVENTS | 0xe000u | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | \
	 IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)
enum { QUEUE_MAX = 16384, FIONREAD = 0x541b };
enum { READABLE = POLLIN | POLLRDNORM };

struct linux_inotify_event {
	int32_t wd;
	uint32_t mask, cookie, length;
};

struct instance {
	struct waitq queue;
	struct rb_tree watches;  /* [lock] by descriptor */
	int last_descriptor;     /* [lock] */
	struct list_node events; /* [lock] struct event.link */
	unsigned event_count;    /* [lock] */
};

struct watch {
	struct rb_node node;
	struct instance *instance;
	struct inode *inode; /* [reference] */
	struct watch *next;  /* [lock] of the same inode: inode->watches is the first */
	int descriptor;
	uint32_t mask; /* [lock] */
};

struct event {
	struct list_node link;
	struct linux_inotify_event head;
	size_t name_bytes; /* without the NULs behind it */
	char name[];
};

static struct mutex lock = { .waiters = { &lock.waiters, &lock.waiters } };

/* --- events --- */

static size_t padded(size_t name_bytes)
{
	return name_bytes ? align_up(name_bytes + 1, sizeof(struct linux_inotify_event)) : 0;
}

/* The same as the last one that waits: Linux tells it once. */
static bool repeats_last(const struct instance *instance, const struct event *event) REQUIRES(lock)
{
	if (list_empty(&instance->events) || event->head.mask & IN_IGNORED)
		return false;
	const struct event *last = list_entry(instance->events.prev, struct event, link);
	return last->head.wd == event->head.wd && last->head.mask == event->head.mask &&
	       last->name_bytes == event->name_bytes &&
	       !memcmp(last->name, event->name, event->name_bytes);
}

static struct event *event_create(int wd, const struct notify_event *what)
{
	size_t length = what->name ? what->length : 0;
	struct event *event = mem_alloc(sizeof(*event) + length);

	if (!event)
		return NULL;
	event->head = (struct linux_inotify_event){
		.wd = wd,
		.mask = what->mask,
		.cookie = what->cookie,
		.length = (uint32_t)padded(length),
	};
	event->name_bytes = length;
	memcpy(event->name, what->name, length);
	return event;
}

/* What there is no memory or no room for is lost, and that is told once. */
static void queue_event(struct instance *instance, int wd, const struct notify_event *what)
	REQUIRES(lock)
{
	static const struct notify_event overflow = { .mask = IN_Q_OVERFLOW };
	struct event *event = NULL;

	if (instance->event_count < QUEUE_MAX)
		event = event_create(wd, what);
	if (!event)
		event = event_create(-1, &overflow);
	if (!event)
		return;
	if (repeats_last(instance, event)) {
		mem_free(event);
		return;
	}
	list_insert_before(&instance->events, &event->link);
	instance->event_count++;
	waitq_wake_events(&instance->queue, READABLE);
}

/* --- watches --- */

/* Takes a watch off its inode and its instance; the caller puts the inode and frees it without the mutex. */
static void detach(struct watch *watch) REQUIRES(lock)
{
	struct watch **at = (struct watch **)&watch->inode->watches;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	rb_remove(&watch->instance->watches, &watch->node);
}

static void end_watch(struct watch *watch) REQUIRES(lock)
{
	detach(watch);
	queue_event(watch->instance, watch->descriptor,
		    &(struct notify_event){ .mask = IN_IGNORED });
}

static void free_watches(struct watch *watch)
{
	while (watch) {
		struct watch *next = watch->next;

		inode_put(watch->inode);
		mem_free(watch);
		watch = next;
	}
}

static void on_event(struct inode *inode, const struct notify_event *event)
{
	struct watch *next, *ended = NULL;

	mutex_lock(&lock);
	for (struct watch *watch = inode->watches; watch; watch = next) {
		bool wanted = event->mask & watch->mask & IN_ALL_EVENTS;

		next = watch->next;
		if (wanted)
			queue_event(watch->instance, watch->descriptor, event);
		if (event->mask & NOTIFY_DELETE_SELF || (wanted && watch->mask & IN_ONESHOT)) {
			end_watch(watch);
			watch->next = ended;
			ended = watch;
		}
	}
	mutex_unlock(&lock);
	free_watches(ended);
}

static const struct notify_listener listener = { on_event };

static struct watch *watch_of(struct rb_node *node)
{
	return node ? container_of(node, struct watch, node) : NULL;
}

static struct watch *find(const struct instance *instance, int descriptor) REQUIRES(lock)
{
	struct watch *watch = watch_of(instance->watches.root);

	while (watch && watch->descriptor != descriptor)
		watch = watch_of(descriptor < watch->descriptor ? watch->node.left
								: watch->node.right);
	return watch;
}

static struct watch *find_inode(const struct instance *instance, const struct inode *inode)
	REQUIRES(lock)
{
	struct watch *watch = inode->watches;

	while (watch && watch->instance != instance)
		watch = watch->next;
	return watch;
}

static void attach(struct watch *watch) REQUIRES(lock)
{
	struct instance *instance = watch->instance;
	struct rb_node *last = rb_last(&instance->watches);

	watch->descriptor = ++instance->last_descriptor;
	rb_insert(&instance->watches, &watch->node, last,
		  last ? &last->right : &instance->watches.root);
	watch->next = watch->inode->watches;
	watch->inode->watches = watch;
}

static int change_watch(struct watch *watch, uint32_t mask) REQUIRES(lock)
{
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	if (mask & IN_MASK_ADD)
		mask |= watch->mask;
	watch->mask = mask;
	return watch->descriptor;
}

/* The descriptor, or -EEXIST, -ENOMEM, -ENOSPC. */
static int add_watch(struct instance *instance, struct inode *inode, uint32_t mask)
{
	struct watch *fresh = mem_alloc(sizeof(*fresh)), *before;
	int result;

	if (!fresh)
		return -ENOMEM;
	*fresh = (struct watch){ .instance = instance, .inode = inode_get(inode), .mask = mask };
	mutex_lock(&lock);
	before = find_inode(instance, inode);
	if (before) {
		result = change_watch(before, mask);
	} else if (instance->last_descriptor == INT32_MAX) {
		result = -ENOSPC;
	} else {
		attach(fresh);
		result = fresh->descriptor;
		fresh = NULL;
	}
	mutex_unlock(&lock);
	free_watches(fresh);
	return result;
}

/* --- the file --- */

static struct event *first_event(const struct instance *instance) REQUIRES(lock)
{
	return list_empty(&instance->events)
		       ? NULL
		       : list_entry(instance->events.next, struct event, link);
}

static ssize_t put_event(const struct event *event, struct uio *uio)
{
	size_t zeros = event->head.length - event->name_bytes;
	ssize_t count = uio_put(uio, &event->head, sizeof(event->head));

	if (count != (ssize_t)sizeof(event->head))
		return -EFAULT;
	if (uio_put(uio, event->name, event->name_bytes) != (ssize_t)event->name_bytes ||
	    uio_put_zeros(uio, zeros) != (ssize_t)zeros)
		return -EFAULT;
	return (ssize_t)(sizeof(event->head) + event->head.length);
}

/* As many events as have room. -EINVAL: not even the first one; -EAGAIN: there is none. */
static ssize_t take_events(struct instance *instance, struct uio *uio) REQUIRES(lock)
{
	struct event *event;
	ssize_t total = 0;

	while ((event = first_event(instance))) {
		if (uio->left < sizeof(event->head) + event->head.length)
			return total ? total : -EINVAL;
		ssize_t count = put_event(event, uio);
		list_remove(&event->link);
		instance->event_count--;
		mem_free(event);
		if (count < 0)
			return count;
		total += count;
	}
	return total ? total : -EAGAIN;
}

/* Releases the mutex, waits for an event, takes it again. */
static int wait_event(struct instance *instance) REQUIRES(lock)
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };

	waiter_init(&waiter);
	waitq_add(&instance->queue, &waiter);
	mutex_unlock(&lock);
	int err = thread_wait(waiters, 1, TIME_NEVER, WAIT_INTERRUPTIBLE);
	waitq_remove(&instance->queue, &waiter);
	mutex_lock(&lock);
	return err;
}

static ssize_t inotify_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct instance *instance = file->private;
	ssize_t count;
	int err = 0;

	(void)position;
	mutex_lock(&lock);
	while ((count = take_events(instance, uio)) == -EAGAIN && !uio->nonblocking && !err)
		err = wait_event(instance);
	mutex_unlock(&lock);
	return count == -EAGAIN && err ? err : count;
}

static unsigned inotify_poll(struct file *file, struct waitq **queue)
{
	struct instance *instance = file->private;

	*queue = &instance->queue;
	return list_empty(&instance->events) ? 0 : READABLE;
}

static long inotify_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	const struct instance *instance = file->private;
	int bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&lock);
	list_for_each(node, &instance->events) {
		const struct event *event = list_entry(node, struct event, link);

		bytes += (int)(sizeof(event->head) + event->head.length);
	}
	mutex_unlock(&lock);
	return user_write(arg, &bytes, sizeof(bytes));
}

static void inotify_release(struct file *file)
{
	struct instance *instance = file->private;
	struct watch *ended = NULL;
	struct list_node *node;

	mutex_lock(&lock);
	while (instance->watches.root) {
		struct watch *watch = watch_of(instance->watches.root);

		detach(watch);
		watch->next = ended;
		ended = watch;
	}
	mutex_unlock(&lock);
	free_watches(ended);
	while ((node = list_pop_front(&instance->events)))
		mem_free(list_entry(node, struct event, link));
	mem_free(instance);
}

static const struct file_ops inotify_ops = {
	.name = "inotify",
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
};

/* --- system calls --- */

long sys_inotify_init1(long flags)
{
	if ((int)flags & ~(O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	struct instance *instance = mem_zalloc(sizeof(*instance));
	if (!instance)
		return -ENOMEM;
	waitq_init(&instance->queue);
	list_init(&instance->events);
	notify_set_listener(&listener);
	return install_new(&inotify_ops, instance, (unsigned)flags);
}

long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

/* The instance behind a descriptor, with a reference to its file. -EBADF, -EINVAL. */
static int get_instance(long fd, struct file **file)
{
	*file = fd_file(fd);
	if (!*file)
		return -EBADF;
	if ((*file)->ops == &inotify_ops)
		return 0;
	file_put(*file);
	return -EINVAL;
}

static int add_path(struct instance *instance, long path_address, uint32_t mask)
{
	unsigned flags = (mask & IN_DONT_FOLLOW ? PATH_NOFOLLOW : 0) |
			 (mask & IN_ONLYDIR ? PATH_DIRECTORY : 0);
	struct user_path path;
	struct inode *inode;
	int result = user_path_get(&path, path_address);

	if (result)
		return result;
	result = path_lookup(&process_current()->paths, NULL, path.text, flags, &inode);
	user_path_put(&path);
	if (result)
		return result;
	result = inode_access(inode, 4 /* R_OK */);
	if (!result)
		result = add_watch(instance, inode, mask);
	inode_put(inode);
	return result;
}

long sys_inotify_add_watch(long fd, long path, long mask)
{
	uint32_t bits = (uint32_t)mask;
	struct file *file;

	if (!(bits & KNOWN_BITS))
		return -EINVAL;
	int err = get_instance(fd, &file);
	if (err)
		return err;
	long result = bits & IN_MASK_ADD && bits & IN_MASK_CREATE
			      ? -EINVAL
			      : add_path(file->private, path, bits);
	file_put(file);
	return result;
}

long sys_inotify_rm_watch(long fd, long descriptor)
{
	struct file *file;
	int err = get_instance(fd, &file);

	if (err)
		return err;
	mutex_lock(&lock);
	struct watch *watch = find(file->private, (int)descriptor);
	if (watch) {
		end_watch(watch);
		watch->next = NULL;
	}
	mutex_unlock(&lock);
	file_put(file);
	free_watches(watch);
	return watch ? 0 : -EINVAL;
}
