/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System V IPC (sysvipc(7)): what shared memory, semaphores and message queues have in common: identifiers, keys, rights. Each
 * kind has one table; its spinlock guards the objects as well. An object is counted: by the table, until it is removed, and
 * by who uses it meanwhile.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/lock.h>

enum { IPC_PRIVATE = 0, IPC_CREAT = 01000, IPC_EXCL = 02000, IPC_NOWAIT = 04000 };
enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO };
enum { IPC_READ = 0444, IPC_WRITE = 0222 };

struct linux_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t sequence, pad;
	uint64_t unused_1, unused_2;
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "Linux's struct ipc64_perm");

/** First in each kind's own struct. */
struct ipc_object {
	struct linux_ipc_perm perm; /* [table->lock] */
	uint32_t refs;              /* [table->lock] */
	int id;
	bool removed; /* [table->lock] */
};

struct ipc_table {
	struct spinlock lock;
	struct ipc_object **objects; /* [lock] by index; NULL: free */
	unsigned size;               /* [lock] */
	unsigned used;               /* [lock] */
	unsigned limit;
	uint16_t sequence; /* [lock] of the last identifier */
	void (*destroy)(
		struct ipc_object *object); /* without the lock; the last reference is gone */
};

/** What the get call of a kind asks for; `create` makes an object with nothing of this header filled in (-errno), `check` looks at one
 * that exists already, under the lock. */
struct ipc_request {
	int key;
	unsigned flags;
	int (*create)(const struct ipc_request *request, struct ipc_object **out);
	int (*check)(const struct ipc_request *request, const struct ipc_object *object);
	size_t size;
};

/** The identifier. -ENOENT, -EEXIST, -EACCES, -ENOSPC, -ENOMEM and what the two functions return. */
long must_check ipc_get_id(struct ipc_table *table, const struct ipc_request *request);

/** The object with an identifier, with a reference; the lock is held then. -EINVAL: none; -EACCES: `rights` (0: none needed) are not
 * given. */
int must_check ipc_lock(struct ipc_table *table, int id, unsigned rights, struct ipc_object **out)
	TRY_ACQUIRE(false, table->lock);

/** Releases the lock, and the reference. */
void ipc_unlock(struct ipc_table *table, struct ipc_object *object) RELEASE(table->lock);

/** Takes the object out of the table: under the lock; the caller's reference stays. */
void ipc_remove(struct ipc_table *table, struct ipc_object *object) REQUIRES(table->lock);

/** For IPC_SET and IPC_RMID: 0 or -EPERM. */
int must_check ipc_check_owner(const struct ipc_object *object);

/** What IPC_SET changes of the rights. */
void ipc_set_perm(struct ipc_object *object, const struct linux_ipc_perm *perm);

/** The identifier in use at an index (the *_STAT calls of ipcs(1)); -EINVAL. Highest index in use, 0 if none. */
int must_check ipc_id_at(struct ipc_table *table, int index);
int ipc_highest(struct ipc_table *table);

/** Seconds of the wall clock. */
int64_t ipc_time(void);
