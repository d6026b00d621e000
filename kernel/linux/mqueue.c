/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * POSIX message queues (mq_overview(7)). Queues have names of their own, and live until they are unlinked and nobody has them
 * open. Who sends or receives waits in the queue itself, for what poll(2) would tell.
 */
#include <base/format.h>
#include <base/string.h>
#include <core/time.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"

enum {
	QUEUES_MAX = 256, /* of /proc/sys/fs/mqueue/queues_max */
	MESSAGES_NORMAL = 10,
	MESSAGES_HARD = 65536,
	BYTES_NORMAL = 8192,
	BYTES_HARD = 16 << 20,
	PRIORITIES = 32768,
	OVERHEAD = 96, /* that Linux counts of a message against RLIMIT_MSGQUEUE */
	STATUS_BYTES = 80,
};
enum { SIGEV_SIGNAL, SIGEV_NONE };
enum { READABLE = POLLIN | POLLRDNORM, WRITABLE = POLLOUT | POLLWRNORM };

struct linux_mq_attr {
	int64_t flags, messages_max, bytes_max, count, reserved[4];
};
_Static_assert(sizeof(struct linux_mq_attr) == 64, "Linux's struct mq_attr");

struct message {
	struct list_node link;
	uint32_t priority;
	size_t bytes;
	uint8_t data[];
};

struct queue {
	struct list_node link; /* [queues.lock] */
	char *name;            /* [owned] */
	bool unlinked;         /* [queues.lock] */
	unsigned opens;        /* [queues.lock] files that have it, and calls about to */
	uint64_t ino;
	uint32_t mode, uid, gid;
	uint32_t messages_max;
	size_t bytes_max; /* of a message */

	struct spinlock lock;
	struct list_node messages; /* [lock] by priority, then age */
	uint32_t count;            /* [lock] */
	size_t bytes;              /* [lock] in all of them */
	uint32_t receivers;        /* [lock] who wait */
	const struct file
		*told; /* [lock] by whom somebody asked to be told of a message; NULL: nobody */
	struct process *told_process; /* [lock] */
	int32_t told_how, told_signo; /* [lock] */
	uint64_t told_value;          /* [lock] */
	struct waitq changed;
};

/* The machine's. */
static struct {
	struct mutex lock;
	struct list_node list; /* [lock] */
	unsigned count;        /* [lock] */
	uint64_t reserved;     /* [lock] bytes, against RLIMIT_MSGQUEUE */
	uint64_t next_ino;     /* [lock] */
} queues = { .lock.waiters = { &queues.lock.waiters, &queues.lock.waiters },
	     .list = { &queues.list, &queues.list } };

static uint64_t reserved_by(const struct queue *q)
{
	return q->messages_max * ((uint64_t)q->bytes_max + OVERHEAD);
}

/* The last one that had an unlinked queue frees it. */
static void put_queue(struct queue *q) REQUIRES(queues.lock)
{
	struct list_node *node;

	if (--q->opens || !q->unlinked)
		return;
	queues.reserved -= reserved_by(q);
	queues.count--;
	while ((node = list_pop_front(&q->messages)))
		mem_free(list_entry(node, struct message, link));
	mem_free(q->name);
	mem_free(q);
}

/* --- messages --- */

static unsigned ready_of(const struct queue *q)
{
	return (q->count ? (unsigned)READABLE : 0) |
	       (q->count < q->messages_max ? (unsigned)WRITABLE : 0);
}

/* Waits until the queue is ready for that. 0, -EAGAIN, -ETIMEDOUT, -EINTR. */
static int wait_for(struct queue *q, unsigned events, bool nonblocking, uint64_t deadline)
	REQUIRES(q->lock)
{
	int err = 0;

	while (!(ready_of(q) & events) && !err) {
		q->receivers += events == READABLE;
		err = nonblocking ? -EAGAIN
				  : waitq_wait_events(&q->changed, &q->lock, events, deadline,
						      WAIT_INTERRUPTIBLE | WAIT_WALL);
		q->receivers -= events == READABLE;
	}
	return err;
}

/* A message has come to an empty queue: who wants to be told is, once, unless somebody waits for it. */
static void tell(struct queue *q) REQUIRES(q->lock)
{
	struct signal_info info = signal_of_caller(q->told_signo, SI_MESGQ);

	if (q->count != 1 || q->receivers || !q->told)
		return;
	info.sent.value = q->told_value;
	if (q->told_how == SIGEV_SIGNAL && q->told_signo) {
		int err = signal_send_process(q->told_process, &info);
		(void)err; /* no room for it: it is lost, as on Linux */
	}
	q->told = NULL;
}

static void insert(struct queue *q, struct message *m) REQUIRES(q->lock)
{
	struct list_node *at = &q->messages;

	while (at->prev != &q->messages &&
	       list_entry(at->prev, struct message, link)->priority < m->priority)
		at = at->prev;
	list_insert_before(at, &m->link);
	q->count++;
	q->bytes += m->bytes;
	tell(q);
}

static int send(struct queue *q, struct message *m, bool nonblocking, uint64_t deadline)
{
	spin_lock(&q->lock);
	int err = wait_for(q, WRITABLE, nonblocking, deadline);
	if (!err)
		insert(q, m);
	spin_unlock(&q->lock);
	if (!err)
		waitq_wake_events(&q->changed, READABLE);
	return err;
}

static int receive(struct queue *q, struct message **out, bool nonblocking, uint64_t deadline)
{
	spin_lock(&q->lock);
	int err = wait_for(q, READABLE, nonblocking, deadline);
	if (!err) {
		*out = list_entry(list_pop_front(&q->messages), struct message, link);
		q->count--;
		q->bytes -= (*out)->bytes;
	}
	spin_unlock(&q->lock);
	if (!err)
		waitq_wake_events(&q->changed, WRITABLE);
	return err;
}

/* --- files --- */

static ssize_t queue_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct queue *q = file->private;
	char text[STATUS_BYTES];

	spin_lock(&q->lock);
	int length = format(text, sizeof(text),
			    "QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
			    (unsigned long long)q->bytes, q->told ? q->told_how : 0,
			    q->told && q->told_how == SIGEV_SIGNAL ? q->told_signo : 0,
			    q->told ? q->told_process->pid : 0);
	spin_unlock(&q->lock);
	if (*position >= (uint64_t)length)
		return 0;
	ssize_t count = uio_put(uio, text + *position,
				min((size_t)length - (size_t)*position, uio->left));
	*position += count > 0 ? (uint64_t)count : 0;
	return count;
}

static int64_t queue_seek(struct file *file, int64_t offset, int whence)
{
	if (whence != FILE_SEEK_CUR && whence != FILE_SEEK_SET)
		return -EINVAL;
	if (whence == FILE_SEEK_CUR && add_overflows(offset, (int64_t)file->position, &offset))
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->position = (uint64_t)offset;
	return offset;
}

static unsigned queue_poll(struct file *file, struct waitq **queue)
{
	struct queue *q = file->private;

	*queue = &q->changed;
	spin_lock(&q->lock);
	unsigned events = ready_of(q);
	spin_unlock(&q->lock);
	return events;
}

static int queue_getattr(struct file *file, struct inode_attr *out)
{
	const struct queue *q = file->private;

	*out = (struct inode_attr){
		.ino = q->ino,
		.mode = q->mode,
		.nlink = !q->unlinked,
		.uid = q->uid,
		.gid = q->gid,
		.size = STATUS_BYTES,
	};
	return 0;
}

static void queue_release(struct file *file)
{
	struct queue *q = file->private;

	spin_lock(&q->lock);
	if (q->told == file)
		q->told = NULL;
	spin_unlock(&q->lock);
	mutex_lock(&queues.lock);
	put_queue(q);
	mutex_unlock(&queues.lock);
}

static const struct file_ops queue_ops = {
	.name = "mqueue",
	.read = queue_read,
	.seek = queue_seek,
	.poll = queue_poll,
	.getattr = queue_getattr,
	.release = queue_release,
};

/* The queue behind a descriptor, whose file is counted for the caller. */
static struct queue *queue_of(long fd, struct file **file)
{
	*file = fd_file(fd);
	return *file && (*file)->ops == &queue_ops ? (*file)->private : NULL;
}

/* --- names --- */

static int read_name(long address, char name[NAME_MAX + 1])
{
	ssize_t length = user_read_string(name, (uintptr_t)address, NAME_MAX + 1);

	if (length < 0)
		return (int)length;
	if (!length)
		return -ENOENT;
	for (ssize_t i = 0; i < length; i++)
		if (name[i] == '/')
			return -EACCES;
	return strcmp(name, ".") && strcmp(name, "..") ? 0 : -EACCES;
}

static struct queue *find(const char *name) REQUIRES(queues.lock)
{
	list_for_each(node, &queues.list) {
		struct queue *q = list_entry(node, struct queue, link);

		if (!strcmp(q->name, name))
			return q;
	}
	return NULL;
}

static int check_attributes(const struct linux_mq_attr *attr)
{
	bool may_exceed = is_capable(CAP_SYS_RESOURCE);

	if (attr->messages_max <= 0 || attr->bytes_max <= 0)
		return -EINVAL;
	if (attr->messages_max > (may_exceed ? MESSAGES_HARD : MESSAGES_NORMAL) ||
	    attr->bytes_max > (may_exceed ? BYTES_HARD : BYTES_NORMAL))
		return -EINVAL;
	return 0;
}

static int create(const char *name, uint32_t mode, const struct linux_mq_attr *attr,
		  struct queue **out) REQUIRES(queues.lock)
{
	const struct process *process = process_current();
	struct queue *q;

	if (queues.count >= QUEUES_MAX && !is_capable(CAP_SYS_RESOURCE))
		return -ENOSPC;
	q = mem_zalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->messages_max = (uint32_t)attr->messages_max;
	q->bytes_max = (size_t)attr->bytes_max;
	q->name = mem_strdup(name);
	bool fits = queues.reserved + reserved_by(q) <= process->limits[RLIMIT_MSGQUEUE].current;
	if (!q->name || !fits) {
		mem_free(q->name);
		mem_free(q);
		return fits ? -ENOMEM : -EMFILE;
	}
	q->mode = S_IFREG | (mode & 0777 & ~process->paths.umask);
	q->uid = process->credentials.fsuid;
	q->gid = process->credentials.fsgid;
	q->ino = ++queues.next_ino;
	spin_init(&q->lock);
	list_init(&q->messages);
	waitq_init(&q->changed);
	list_insert_before(&queues.list, &q->link);
	queues.count++;
	queues.reserved += reserved_by(q);
	*out = q;
	return 0;
}

/* An existing queue, or a new one, counted for the caller. */
static int find_or_create(const char *name, unsigned flags, uint32_t mode,
			  const struct linux_mq_attr *attr, struct queue **out)
	REQUIRES(queues.lock)
{
	int err = 0;

	*out = find(name);
	if (*out && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (!*out && !(flags & O_CREAT))
		return -ENOENT;
	if (!*out)
		err = check_attributes(attr);
	if (!*out && !err)
		err = create(name, mode, attr, out);
	if (!err)
		(*out)->opens++;
	return err;
}

static long open_queue(struct queue *q, unsigned flags)
{
	struct file *file = file_create(&queue_ops, flags & (O_ACCMODE | O_NONBLOCK), q);

	if (!file) {
		mutex_lock(&queues.lock);
		put_queue(q);
		mutex_unlock(&queues.lock);
		return -ENOMEM;
	}
	size_t bytes = strlen(q->name) + 2;
	file->path = mem_alloc(bytes);
	if (file->path)
		format(file->path, bytes, "/%s", q->name);
	int fd = fd_install(process_current()->files, file, 0, true);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_mq_open(long name_address, long flags, long mode, long attr_address)
{
	struct linux_mq_attr attr = { .messages_max = MESSAGES_NORMAL, .bytes_max = BYTES_NORMAL };
	char name[NAME_MAX + 1];
	struct queue *q;

	if (attr_address && user_read(&attr, (uintptr_t)attr_address, sizeof(attr)))
		return -EFAULT;
	int err = read_name(name_address, name);
	if (!err && ((unsigned)flags & O_ACCMODE) == O_ACCMODE)
		err = -EINVAL;
	if (err)
		return err;
	mutex_lock(&queues.lock);
	err = find_or_create(name, (unsigned)flags, (uint32_t)mode, &attr, &q);
	mutex_unlock(&queues.lock);
	return err ? err : open_queue(q, (unsigned)flags);
}

long sys_mq_unlink(long name_address)
{
	char name[NAME_MAX + 1];
	int err = read_name(name_address, name);

	if (err)
		return err;
	mutex_lock(&queues.lock);
	struct queue *q = find(name);
	if (q) {
		list_remove(&q->link);
		q->unlinked = true;
		q->opens++;
		put_queue(q);
	}
	mutex_unlock(&queues.lock);
	return q ? 0 : -ENOENT;
}

/* --- sending and receiving --- */

/* Of the wall clock. */
static int read_deadline(long address, uint64_t *out)
{
	*out = TIME_NEVER;
	return address ? user_read_timespec((uintptr_t)address, out) : 0;
}

static bool is_nonblocking(const struct file *file)
{
	return __atomic_load_n(&file->flags, __ATOMIC_RELAXED) & O_NONBLOCK;
}

static long send_from(struct queue *q, const struct file *file, const struct uio_segment *from,
		      uint32_t priority, uint64_t deadline)
{
	if (!file_may_write(file))
		return -EBADF;
	if (from->bytes > q->bytes_max)
		return -EMSGSIZE;
	struct message *m = mem_alloc(sizeof(*m) + from->bytes);
	if (!m)
		return -ENOMEM;
	m->priority = priority;
	m->bytes = from->bytes;
	int err = user_read(m->data, from->base, from->bytes);
	if (!err)
		err = send(q, m, is_nonblocking(file), deadline);
	if (err)
		mem_free(m);
	return err;
}

long sys_mq_timedsend(long fd, long address, long bytes, long priority, long timeout)
{
	const struct uio_segment from = { (uintptr_t)address, (size_t)bytes };
	struct file *file;
	uint64_t deadline;

	if ((uint32_t)priority >= PRIORITIES)
		return -EINVAL;
	int err = read_deadline(timeout, &deadline);
	if (err)
		return err;
	struct queue *q = queue_of(fd, &file);
	long result = q ? send_from(q, file, &from, (uint32_t)priority, deadline) : -EBADF;
	file_put(file);
	return restartable(result);
}

static long receive_to(struct queue *q, const struct file *file, const struct uio_segment *to,
		       uintptr_t priority_address, uint64_t deadline)
{
	struct message *m;

	if (!file_may_read(file))
		return -EBADF;
	if (to->bytes < q->bytes_max)
		return -EMSGSIZE;
	int err = receive(q, &m, is_nonblocking(file), deadline);
	if (err)
		return err;
	long result = (long)m->bytes;
	if ((priority_address && user_write(priority_address, &m->priority, sizeof(m->priority))) ||
	    user_write(to->base, m->data, m->bytes))
		result = -EFAULT;
	mem_free(m);
	return result;
}

long sys_mq_timedreceive(long fd, long address, long bytes, long priority_address, long timeout)
{
	const struct uio_segment to = { (uintptr_t)address, (size_t)bytes };
	struct file *file;
	uint64_t deadline;
	int err = read_deadline(timeout, &deadline);

	if (err)
		return err;
	struct queue *q = queue_of(fd, &file);
	long result = q ? receive_to(q, file, &to, (uintptr_t)priority_address, deadline) : -EBADF;
	file_put(file);
	return restartable(result);
}

/* --- the rest --- */

struct linux_sigevent {
	uint64_t value;
	int32_t signo, notify, rest[12];
};

static int set_told(struct queue *q, const struct file *file, const struct linux_sigevent *event)
{
	int err = 0;

	spin_lock(&q->lock);
	if (!event) {
		if (q->told && q->told_process == process_current())
			q->told = NULL;
	} else if (q->told) {
		err = -EBUSY;
	} else {
		q->told = file;
		q->told_process = process_current();
		q->told_how = event->notify;
		q->told_signo = event->signo;
		q->told_value = event->value;
	}
	spin_unlock(&q->lock);
	return err;
}

long sys_mq_notify(long fd, long event_address)
{
	struct linux_sigevent event;
	struct file *file;

	if (event_address && user_read(&event, (uintptr_t)event_address, sizeof(event)))
		return -EFAULT;
	if (event_address && event.notify != SIGEV_NONE &&
	    (event.notify != SIGEV_SIGNAL || event.signo < 0 || event.signo > SIGNAL_MAX))
		return -EINVAL;
	struct queue *q = queue_of(fd, &file);
	long result = q ? set_told(q, file, event_address ? &event : NULL) : -EBADF;
	file_put(file);
	return result;
}

static void exchange_attributes(struct queue *q, struct file *file, const struct linux_mq_attr *new,
				struct linux_mq_attr *old)
{
	spin_lock(&q->lock);
	*old = (struct linux_mq_attr){
		.flags = file->flags & O_NONBLOCK,
		.messages_max = q->messages_max,
		.bytes_max = (int64_t)q->bytes_max,
		.count = q->count,
	};
	if (new &&new->flags)
		__atomic_or_fetch(&file->flags, (uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
	else if (new)
		__atomic_and_fetch(&file->flags, ~(uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
	spin_unlock(&q->lock);
}

long sys_mq_getsetattr(long fd, long new_address, long old_address)
{
	struct linux_mq_attr new, old;
	struct file *file;

	if (new_address && user_read(&new, (uintptr_t)new_address, sizeof(new)))
		return -EFAULT;
	if (new_address && new.flags & ~(int64_t)O_NONBLOCK)
		return -EINVAL;
	struct queue *q = queue_of(fd, &file);
	if (q)
		exchange_attributes(q, file, new_address ? &new : NULL, &old);
	file_put(file);
	if (!q)
		return -EBADF;
	return old_address ? user_write((uintptr_t)old_address, &old, sizeof(old)) : 0;
}
