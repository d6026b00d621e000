/* SPDX-License-Identifier: BSD-3-Clause */
/* System V message queues. */
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "calls.h"
#include "sysv.h"

enum { MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY };
enum { MSG_NOERROR = 010000, MSG_EXCEPT = 020000, MSG_COPY = 040000 };
enum { QUEUES_MAX = 32000, MESSAGE_BYTES_MAX = 8192, QUEUE_BYTES = 16384 };

struct message {
	struct list_node link;
	int64_t type;
	size_t bytes;
	uint8_t text[];
};

struct msg_queue {
	struct ipc_object ipc;
	struct waitq changed;
	struct list_node messages;                    /* [lock] struct message.link */
	uint64_t bytes, count, bytes_max;             /* [lock] */
	int64_t send_time, receive_time, change_time; /* [lock] */
	int last_sender, last_receiver;               /* [lock] */
};

struct linux_msqid_ds {
	struct linux_ipc_perm perm;
	int64_t send_time, receive_time, change_time;
	uint64_t bytes, count, bytes_max;
	int32_t last_sender, last_receiver;
	uint64_t unused_4, unused_5;
};
_Static_assert(sizeof(struct linux_msqid_ds) == 120, "Linux's struct msqid64_ds");

static void destroy_queue(struct ipc_object *ipc);

static struct ipc_table queues = { .limit = QUEUES_MAX, .destroy = destroy_queue };

static struct msg_queue *queue_of(struct ipc_object *ipc)
{
	return container_of(ipc, struct msg_queue, ipc);
}

static void destroy_queue(struct ipc_object *ipc)
{
	struct msg_queue *queue = queue_of(ipc);
	struct list_node *node;

	while ((node = list_pop_front(&queue->messages)))
		mem_free(list_entry(node, struct message, link));
	mem_free(queue);
}

/* --- msgget --- */

static int create_queue(const struct ipc_request *request, struct ipc_object **out)
{
	struct msg_queue *queue = mem_zalloc(sizeof(*queue));

	(void)request;
	if (!queue)
		return -ENOMEM;
	waitq_init(&queue->changed);
	list_init(&queue->messages);
	queue->bytes_max = QUEUE_BYTES;
	queue->change_time = ipc_time();
	*out = &queue->ipc;
	return 0;
}

static int check_queue(const struct ipc_request *request, const struct ipc_object *object)
{
	(void)request, (void)object;
	return 0;
}

long sys_msgget(long key, long flags)
{
	return ipc_get_id(&queues, &(struct ipc_request){
					   .key = (int)key,
					   .flags = (unsigned)flags,
					   .create = create_queue,
					   .check = check_queue,
				   });
}

/* Waits until something has changed. 0, -EIDRM, -EINTR. */
static int wait_change(struct msg_queue *queue) REQUIRES(queues.lock)
{
	int err = waitq_wait(&queue->changed, &queues.lock, TIME_NEVER, WAIT_INTERRUPTIBLE);

	return queue->ipc.removed ? -EIDRM : err;
}

/* --- msgsnd --- */

static int send_locked(struct msg_queue *queue, struct message *m, unsigned flags)
	REQUIRES(queues.lock)
{
	while (queue->bytes + m->bytes > queue->bytes_max || queue->count + 1 > queue->bytes_max) {
		int err = flags & IPC_NOWAIT ? -EAGAIN : wait_change(queue);

		if (err)
			return err;
	}
	list_insert_before(&queue->messages, &m->link);
	queue->bytes += m->bytes;
	queue->count++;
	queue->send_time = ipc_time();
	queue->last_sender = process_current()->pid;
	waitq_wake_all(&queue->changed);
	return 0;
}

static int send_message(int id, struct message *m, unsigned flags)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&queues, id, IPC_WRITE, &ipc);

	if (err)
		return err;
	err = send_locked(queue_of(ipc), m, flags);
	ipc_unlock(&queues, ipc);
	return err;
}

long sys_msgsnd(long id, long address, long bytes, long flags)
{
	int64_t type;

	if (user_read(&type, (uintptr_t)address, sizeof(type)))
		return -EFAULT;
	if ((unsigned long)bytes > MESSAGE_BYTES_MAX || (int)id < 0 || type < 1)
		return -EINVAL;
	struct message *m = mem_alloc(sizeof(*m) + (size_t)bytes);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->bytes = (size_t)bytes;
	int err = user_read(m->text, (uintptr_t)address + sizeof(type), m->bytes);
	if (!err)
		err = send_message((int)id, m, (unsigned)flags);
	if (err)
		mem_free(m);
	return err == -EINTR ? -ERESTARTNOHAND : err;
}

/* --- msgrcv --- */

struct wanted {
	int64_t type;
	size_t bytes;
	unsigned flags;
};

/* [queues.lock] The message that is wanted; NULL: none. */
static struct message *choose(const struct msg_queue *queue, const struct wanted *wanted)
{
	struct message *best = NULL;
	int64_t position = 0;

	list_for_each(node, &queue->messages) {
		struct message *m = list_entry(node, struct message, link);

		if (wanted->flags & MSG_COPY) {
			if (position++ == wanted->type)
				return m;
		} else if (wanted->type >= 0) {
			bool same = m->type == wanted->type;

			if (!wanted->type || same == !(wanted->flags & MSG_EXCEPT))
				return m;
		} else if (m->type <= -wanted->type && (!best || m->type < best->type)) {
			best = m;
		}
	}
	return best;
}

/* Takes a message off, or a copy where it stays. */
static int take(struct msg_queue *queue, struct message *m, bool copies, struct message **out)
	REQUIRES(queues.lock)
{
	if (copies) {
		*out = mem_alloc(sizeof(*m) + m->bytes);
		if (!*out)
			return -ENOMEM;
		memcpy(*out, m, sizeof(*m) + m->bytes);
		return 0;
	}
	list_remove(&m->link);
	queue->bytes -= m->bytes;
	queue->count--;
	queue->receive_time = ipc_time();
	queue->last_receiver = process_current()->pid;
	waitq_wake_all(&queue->changed);
	*out = m;
	return 0;
}

static int receive_locked(struct msg_queue *queue, const struct wanted *wanted,
			  struct message **out) REQUIRES(queues.lock)
{
	struct message *m;

	while (!(m = choose(queue, wanted))) {
		int err = wanted->flags & IPC_NOWAIT ? -ENOMSG : wait_change(queue);

		if (err)
			return err;
	}
	if (m->bytes > wanted->bytes && !(wanted->flags & MSG_NOERROR))
		return -E2BIG;
	return take(queue, m, wanted->flags & MSG_COPY, out);
}

static int check_wanted(const struct wanted *wanted)
{
	unsigned flags = wanted->flags;

	if ((int64_t)wanted->bytes < 0)
		return -EINVAL;
	return flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)) ? -EINVAL : 0;
}

long sys_msgrcv(long id, long address, long bytes, long type, long flags)
{
	struct wanted wanted = { type, (size_t)bytes, (unsigned)flags };
	struct ipc_object *ipc;
	struct message *m;
	int err = check_wanted(&wanted);

	if (err)
		return err;
	if (wanted.type == INT64_MIN)
		wanted.type = -INT64_MAX;
	err = ipc_lock(&queues, (int)id, IPC_READ, &ipc);
	if (err)
		return err;
	err = receive_locked(queue_of(ipc), &wanted, &m);
	ipc_unlock(&queues, ipc);
	if (err)
		return err == -EINTR ? -ERESTARTNOHAND : err;
	size_t count = min(m->bytes, wanted.bytes);
	err = user_write((uintptr_t)address, &m->type, sizeof(m->type));
	if (!err)
		err = user_write((uintptr_t)address + sizeof(m->type), m->text, count);
	mem_free(m);
	return err ? err : (long)count;
}

/* --- msgctl --- */

static long stat_queue(int id, unsigned rights, uintptr_t address)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&queues, id, rights, &ipc);

	if (err)
		return err;
	const struct msg_queue *queue = queue_of(ipc);
	const struct linux_msqid_ds out = {
		.perm = ipc->perm,
		.send_time = queue->send_time,
		.receive_time = queue->receive_time,
		.change_time = queue->change_time,
		.bytes = queue->bytes,
		.count = queue->count,
		.bytes_max = queue->bytes_max,
		.last_sender = queue->last_sender,
		.last_receiver = queue->last_receiver,
	};
	ipc_unlock(&queues, ipc);
	return user_write(address, &out, sizeof(out));
}

static long change_queue(int id, const struct linux_msqid_ds *in)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&queues, id, 0, &ipc);

	if (err)
		return err;
	struct msg_queue *queue = queue_of(ipc);
	err = ipc_check_owner(ipc);
	if (!err && in && in->bytes_max > QUEUE_BYTES && !is_capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	if (!err && in) {
		ipc_set_perm(ipc, &in->perm);
		queue->bytes_max = in->bytes_max;
		queue->change_time = ipc_time();
	} else if (!err) {
		ipc_remove(&queues, ipc);
	}
	waitq_wake_all(&queue->changed);
	ipc_unlock(&queues, ipc);
	return err;
}

/* Limits; MSG_INFO has what is in use in three of their places. */
static long tell_info(uintptr_t address, bool in_use)
{
	struct {
		int32_t pool, map, message_max, queue_max, queues, segment_size, headers;
		uint16_t segments;
	} info = { QUEUES_MAX * QUEUE_BYTES / 1024,
		   QUEUE_BYTES,
		   MESSAGE_BYTES_MAX,
		   QUEUE_BYTES,
		   QUEUES_MAX,
		   16,
		   QUEUE_BYTES,
		   UINT16_MAX };

	if (in_use) {
		info.map = info.headers = 0;
		spin_lock(&queues.lock);
		info.pool = (int32_t)queues.used;
		for (unsigned i = 0; i < queues.size; i++) {
			if (!queues.objects[i])
				continue;
			info.map += (int32_t)queue_of(queues.objects[i])->count;
			info.headers += (int32_t)queue_of(queues.objects[i])->bytes;
		}
		spin_unlock(&queues.lock);
	}
	return user_write(address, &info, sizeof(info)) ? -EFAULT : ipc_highest(&queues);
}

static long stat_at(int index, unsigned rights, uintptr_t address)
{
	int id = ipc_id_at(&queues, index);
	long err = id < 0 ? id : stat_queue(id, rights, address);

	return err ? err : id;
}

long sys_msgctl(long id, long command, long address)
{
	struct linux_msqid_ds in;

	if ((int)id < 0 || (int)command < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
	case MSG_INFO:
		return tell_info((uintptr_t)address, (int)command == MSG_INFO);
	case IPC_STAT:
		return stat_queue((int)id, IPC_READ, (uintptr_t)address);
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat_at((int)id, (int)command == MSG_STAT ? IPC_READ : 0,
			       (uintptr_t)address);
	case IPC_SET:
		return user_read(&in, (uintptr_t)address, sizeof(in)) ? -EFAULT
								      : change_queue((int)id, &in);
	case IPC_RMID:
		return change_queue((int)id, NULL);
	default:
		return -EINVAL;
	}
}
