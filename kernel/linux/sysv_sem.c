/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System V semaphores. The operations of one call happen together or not at all; who has to wait sleeps on the set's queue
 * and tries again when something in it has changed. SEM_UNDO has nothing to do: what a process leaves behind goes with the machine.
 */
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "calls.h"
#include "sysv.h"

enum {
	GETPID = 11,
	GETVAL,
	GETALL,
	GETNCNT,
	GETZCNT,
	SETVAL,
	SETALL,
	SEM_STAT,
	SEM_INFO,
	SEM_STAT_ANY
};
enum { SETS_MAX = 32000, SEMAPHORES_MAX = 32000, OPERATIONS_MAX = 500, VALUE_MAX = 32767 };
enum { OPERATIONS_FEW = 8 };

struct semaphore {
	int value, last_user;
};

struct sem_set {
	struct ipc_object ipc;
	struct waitq changed;
	struct list_node sleepers;           /* [lock] struct sleeper.link */
	int64_t operation_time, change_time; /* [lock] */
	unsigned count;
	struct semaphore semaphores[]; /* [lock] */
};

struct linux_semid_ds {
	struct linux_ipc_perm perm;
	int64_t operation_time;
	uint64_t unused_1;
	int64_t change_time;
	uint64_t unused_2, count, unused_3, unused_4;
};
_Static_assert(sizeof(struct linux_semid_ds) == 104, "Linux's struct semid64_ds");

struct linux_sembuf {
	uint16_t number;
	int16_t operation, flags;
};

/* Who waits, and for which semaphore of the set to do what: GETNCNT, GETZCNT. */
struct sleeper {
	struct list_node link;
	unsigned number;
	bool for_zero;
};

static void destroy_set(struct ipc_object *ipc)
{
	mem_free(ipc);
}

static struct ipc_table sets = { .limit = SETS_MAX, .destroy = destroy_set };

static struct sem_set *set_of(struct ipc_object *ipc)
{
	return container_of(ipc, struct sem_set, ipc);
}

/* --- semget --- */

static int create_set(const struct ipc_request *request, struct ipc_object **out)
{
	if (!request->size)
		return -EINVAL;
	struct sem_set *set = mem_zalloc(sizeof(*set) + request->size * sizeof(struct semaphore));
	if (!set)
		return -ENOMEM;
	waitq_init(&set->changed);
	list_init(&set->sleepers);
	set->count = (unsigned)request->size;
	set->change_time = ipc_time();
	*out = &set->ipc;
	return 0;
}

static int check_set(const struct ipc_request *request, const struct ipc_object *object)
{
	return request->size > container_of(object, struct sem_set, ipc)->count ? -EINVAL : 0;
}

long sys_semget(long key, long count, long flags)
{
	if ((int)count < 0 || (int)count > SEMAPHORES_MAX)
		return -EINVAL;
	return ipc_get_id(&sets, &(struct ipc_request){
					 .key = (int)key,
					 .flags = (unsigned)flags,
					 .create = create_set,
					 .check = check_set,
					 .size = (size_t)(int)count,
				 });
}

/* --- semop --- */

struct operations {
	struct linux_sembuf few[OPERATIONS_FEW];
	struct linux_sembuf *list; /* `few`, or [owned] */
	unsigned count;
	bool alters;
};

static int read_operations(struct operations *ops, uintptr_t address, unsigned count)
{
	ops->list = ops->few;
	ops->count = count;
	ops->alters = false;
	if (count > OPERATIONS_FEW)
		ops->list = mem_alloc(count * sizeof(*ops->list));
	if (!ops->list)
		return -ENOMEM;
	if (user_read(ops->list, address, count * sizeof(*ops->list)))
		return -EFAULT;
	for (unsigned i = 0; i < count; i++)
		ops->alters |= ops->list[i].operation != 0;
	return 0;
}

static void free_operations(struct operations *ops)
{
	if (ops->list != ops->few)
		mem_free(ops->list);
}

/* [sets.lock] One operation. -EAGAIN: has to wait; -ERANGE. */
static int operate(struct semaphore *semaphore, int operation)
{
	if (!operation)
		return semaphore->value ? -EAGAIN : 0;
	if (semaphore->value + operation < 0)
		return -EAGAIN;
	if (semaphore->value + operation > VALUE_MAX)
		return -ERANGE;
	semaphore->value += operation;
	return 0;
}

/* [sets.lock] All of them, or none; *failed is which could not be done. */
static int try_operations(struct sem_set *set, const struct operations *ops, unsigned *failed)
{
	int err = 0;

	for (unsigned i = 0; i < ops->count && !err; i++) {
		err = operate(&set->semaphores[ops->list[i].number], ops->list[i].operation);
		*failed = i;
	}
	if (err)
		for (unsigned i = *failed; i-- > 0;)
			set->semaphores[ops->list[i].number].value -= ops->list[i].operation;
	return err;
}

/* [sets.lock] After they were done. */
static void finish_operations(struct sem_set *set, const struct operations *ops)
{
	for (unsigned i = 0; i < ops->count; i++)
		set->semaphores[ops->list[i].number].last_user = process_current()->pid;
	set->operation_time = ipc_time();
	if (ops->alters)
		waitq_wake_all(&set->changed);
}

/* Waits until something in the set has changed. -EIDRM: it was removed; -ETIMEDOUT; -EINTR. */
static int wait_change(struct sem_set *set, const struct linux_sembuf *failed, uint64_t deadline)
	REQUIRES(sets.lock)
{
	struct sleeper sleeper = { .number = failed->number, .for_zero = !failed->operation };

	list_insert_before(&set->sleepers, &sleeper.link);
	int err = waitq_wait(&set->changed, &sets.lock, deadline, WAIT_INTERRUPTIBLE);
	list_remove(&sleeper.link);
	return set->ipc.removed ? -EIDRM : err;
}

static int operate_locked(struct sem_set *set, const struct operations *ops, uint64_t deadline)
	REQUIRES(sets.lock)
{
	unsigned failed;
	int err;

	for (unsigned i = 0; i < ops->count; i++)
		if (ops->list[i].number >= set->count)
			return -EFBIG;
	for (;;) {
		err = try_operations(set, ops, &failed);
		if (!err)
			finish_operations(set, ops);
		if (err != -EAGAIN || ops->list[failed].flags & IPC_NOWAIT)
			return err;
		err = wait_change(set, &ops->list[failed], deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
}

static long operate_until(long id, long address, long count, uint64_t deadline)
{
	struct operations ops;
	struct ipc_object *ipc;

	if ((unsigned)count < 1 || (int)id < 0)
		return -EINVAL;
	if ((unsigned)count > OPERATIONS_MAX)
		return -E2BIG;
	int err = read_operations(&ops, (uintptr_t)address, (unsigned)count);
	if (!err) {
		err = ipc_lock(&sets, (int)id, ops.alters ? IPC_WRITE : IPC_READ, &ipc);
		if (!err) {
			err = operate_locked(set_of(ipc), &ops, deadline);
			ipc_unlock(&sets, ipc);
		}
	}
	free_operations(&ops);
	return err;
}

long sys_semop(long id, long address, long count)
{
	return operate_until(id, address, count, TIME_NEVER);
}

long sys_semtimedop(long id, long address, long count, long timeout)
{
	uint64_t ns;

	if (!timeout)
		return sys_semop(id, address, count);
	int err = user_read_timespec((uintptr_t)timeout, &ns);
	return err ? err : operate_until(id, address, count, deadline_after(ns));
}

/* --- semctl --- */

static long stat_set(int id, unsigned rights, uintptr_t address)
{
	struct linux_semid_ds out = { 0 };
	struct ipc_object *ipc;
	int err = ipc_lock(&sets, id, rights, &ipc);

	if (err)
		return err;
	out.perm = ipc->perm;
	out.operation_time = set_of(ipc)->operation_time;
	out.change_time = set_of(ipc)->change_time;
	out.count = set_of(ipc)->count;
	ipc_unlock(&sets, ipc);
	return user_write(address, &out, sizeof(out));
}

static long change_set(int id, const struct linux_semid_ds *in)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&sets, id, 0, &ipc);

	if (err)
		return err;
	err = ipc_check_owner(ipc);
	if (!err && in) {
		ipc_set_perm(ipc, &in->perm);
		set_of(ipc)->change_time = ipc_time();
	} else if (!err) {
		ipc_remove(&sets, ipc);
		waitq_wake_all(&set_of(ipc)->changed);
	}
	ipc_unlock(&sets, ipc);
	return err;
}

/* [sets.lock] */
static long count_sleepers(const struct sem_set *set, unsigned number, bool for_zero)
{
	long count = 0;

	list_for_each(node, &set->sleepers) {
		const struct sleeper *sleeper = list_entry(node, struct sleeper, link);

		count += sleeper->number == number && sleeper->for_zero == for_zero;
	}
	return count;
}

/* [sets.lock] */
static long set_value(struct sem_set *set, struct semaphore *semaphore, int value)
{
	if (value < 0 || value > VALUE_MAX)
		return -ERANGE;
	semaphore->value = value;
	semaphore->last_user = process_current()->pid;
	set->change_time = ipc_time();
	waitq_wake_all(&set->changed);
	return 0;
}

/* [sets.lock] What is about one semaphore. */
static long control_one(struct sem_set *set, unsigned number, int command, int value)
{
	struct semaphore *semaphore = &set->semaphores[number];

	switch (command) {
	case GETVAL:
		return semaphore->value;
	case GETPID:
		return semaphore->last_user;
	case GETNCNT:
	case GETZCNT:
		return count_sleepers(set, number, command == GETZCNT);
	default:
		return set_value(set, semaphore, value);
	}
}

static long control_semaphore(int id, long number, int command, int value)
{
	struct ipc_object *ipc;
	long result = ipc_lock(&sets, id, command == SETVAL ? IPC_WRITE : IPC_READ, &ipc);

	if (result)
		return result;
	if ((int)number < 0 || (unsigned)number >= set_of(ipc)->count)
		result = -EINVAL;
	else
		result = control_one(set_of(ipc), (unsigned)number, command, value);
	ipc_unlock(&sets, ipc);
	return result;
}

/* [sets.lock] */
static int exchange_values(struct sem_set *set, uint16_t *values, bool sets_them)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (!sets_them)
			values[i] = (uint16_t)set->semaphores[i].value;
		else if (values[i] > VALUE_MAX)
			return -ERANGE;
	}
	if (!sets_them)
		return 0;
	for (unsigned i = 0; i < set->count; i++)
		set->semaphores[i] = (struct semaphore){ values[i], process_current()->pid };
	set->change_time = ipc_time();
	waitq_wake_all(&set->changed);
	return 0;
}

/* GETALL and SETALL, over `count` values in kernel memory. */
static long control_values(int id, uint16_t *values, unsigned count, bool sets_them)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&sets, id, sets_them ? IPC_WRITE : IPC_READ, &ipc);

	if (err)
		return err;
	err = set_of(ipc)->count == count ? exchange_values(set_of(ipc), values, sets_them)
					  : -EINVAL;
	ipc_unlock(&sets, ipc);
	return err;
}

static long control_all(int id, uintptr_t address, bool sets_them)
{
	struct ipc_object *ipc;
	long result = ipc_lock(&sets, id, sets_them ? IPC_WRITE : IPC_READ, &ipc);

	if (result)
		return result;
	unsigned count = set_of(ipc)->count;
	ipc_unlock(&sets, ipc);
	uint16_t *values = mem_alloc(count * sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (sets_them)
		result = user_read(values, address, count * sizeof(*values));
	if (!result)
		result = control_values(id, values, count, sets_them);
	if (!result && !sets_them)
		result = user_write(address, values, count * sizeof(*values));
	mem_free(values);
	return result;
}

/* Limits; SEM_INFO has what is in use in two of their places. */
static long tell_info(uintptr_t address, bool in_use)
{
	int32_t info[10] = { 1024000000,     SETS_MAX,       1024000000, 1024000000, SEMAPHORES_MAX,
			     OPERATIONS_MAX, OPERATIONS_MAX, 20,         VALUE_MAX,  VALUE_MAX };

	if (in_use) {
		info[7] = (int32_t)sets.used;
		info[9] = 0;
		spin_lock(&sets.lock);
		for (unsigned i = 0; i < sets.size; i++)
			if (sets.objects[i])
				info[9] += (int32_t)set_of(sets.objects[i])->count;
		spin_unlock(&sets.lock);
	}
	return user_write(address, info, sizeof(info)) ? -EFAULT : ipc_highest(&sets);
}

static long stat_at(int index, unsigned rights, uintptr_t address)
{
	int id = ipc_id_at(&sets, index);
	long err = id < 0 ? id : stat_set(id, rights, address);

	return err ? err : id;
}

long sys_semctl(long id, long number, long command, long arg)
{
	struct linux_semid_ds in;

	if ((int)id < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
	case SEM_INFO:
		return tell_info((uintptr_t)arg, (int)command == SEM_INFO);
	case IPC_STAT:
		return stat_set((int)id, IPC_READ, (uintptr_t)arg);
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat_at((int)id, (int)command == SEM_STAT ? IPC_READ : 0, (uintptr_t)arg);
	case GETALL:
	case SETALL:
		return control_all((int)id, (uintptr_t)arg, (int)command == SETALL);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL:
		return control_semaphore((int)id, number, (int)command, (int)arg);
	case IPC_SET:
		return user_read(&in, (uintptr_t)arg, sizeof(in)) ? -EFAULT
								  : change_set((int)id, &in);
	case IPC_RMID:
		return change_set((int)id, NULL);
	default:
		return -EINVAL;
	}
}
