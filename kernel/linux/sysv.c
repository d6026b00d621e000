/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of System V IPC: see sysv.h. An identifier is a place in the table and a number that grows, as on Linux. */
#include "sysv.h"

#include <base/bits.h>
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "calls.h"

enum { INDEX_BITS = 15, INDEX_MAX = 1 << INDEX_BITS, SIZE_FIRST = 16 };
enum { MODE_BITS = 0777 };

int64_t ipc_time(void)
{
	return (int64_t)(time_wall() / NS_PER_S);
}

static bool is_in_group(uint32_t gid)
{
	const struct credentials *c = &process_current()->credentials;

	for (unsigned i = 0; i < c->group_count; i++)
		if (c->groups[i] == gid)
			return true;
	return c->egid == gid;
}

/* [table->lock] */
static int check_rights(const struct ipc_object *object, unsigned rights)
{
	const struct linux_ipc_perm *perm = &object->perm;
	uint32_t euid = process_current()->credentials.euid;
	unsigned granted = perm->mode;

	if (euid == perm->cuid || euid == perm->uid)
		granted >>= 6;
	else if (is_in_group(perm->cgid) || is_in_group(perm->gid))
		granted >>= 3;
	rights = (rights >> 6 | rights >> 3 | rights) & 7;
	return !(rights & ~granted) || is_capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_check_owner(const struct ipc_object *object)
{
	uint32_t euid = process_current()->credentials.euid;

	return euid == object->perm.uid || euid == object->perm.cuid || is_capable(CAP_SYS_ADMIN)
		       ? 0
		       : -EPERM;
}

void ipc_set_perm(struct ipc_object *object, const struct linux_ipc_perm *perm)
{
	object->perm.uid = perm->uid;
	object->perm.gid = perm->gid;
	object->perm.mode = (object->perm.mode & ~(uint32_t)MODE_BITS) | (perm->mode & MODE_BITS);
}

/* --- finding --- */

static struct ipc_object *find_key(const struct ipc_table *table, int key) REQUIRES(table->lock)
{
	for (unsigned i = 0; i < table->size; i++)
		if (table->objects[i] && table->objects[i]->perm.key == key)
			return table->objects[i];
	return NULL;
}

int ipc_lock(struct ipc_table *table, int id, unsigned rights,
	     struct ipc_object **out) NO_THREAD_SAFETY_ANALYSIS
{
	unsigned index = (unsigned)id & (INDEX_MAX - 1);
	struct ipc_object *object = NULL;
	int err = -EINVAL;

	spin_lock(&table->lock);
	if (id >= 0 && index < table->size)
		object = table->objects[index];
	if (object && object->id == id)
		err = check_rights(object, rights);
	if (err) {
		spin_unlock(&table->lock);
		return err;
	}
	object->refs++;
	*out = object;
	return 0;
}

void ipc_unlock(struct ipc_table *table, struct ipc_object *object) NO_THREAD_SAFETY_ANALYSIS
{
	bool last = !--object->refs;

	spin_unlock(&table->lock);
	if (last)
		table->destroy(object);
}

void ipc_remove(struct ipc_table *table, struct ipc_object *object)
{
	table->objects[object->id & (INDEX_MAX - 1)] = NULL;
	table->used--;
	object->removed = true;
	object->refs--;
}

int ipc_id_at(struct ipc_table *table, int index)
{
	int id = -EINVAL;

	spin_lock(&table->lock);
	if (index >= 0 && (unsigned)index < table->size && table->objects[index])
		id = table->objects[index]->id;
	spin_unlock(&table->lock);
	return id;
}

int ipc_highest(struct ipc_table *table)
{
	int highest = 0;

	spin_lock(&table->lock);
	for (unsigned i = 0; i < table->size; i++)
		if (table->objects[i])
			highest = (int)i;
	spin_unlock(&table->lock);
	return highest;
}

/* --- making --- */

/* Puts an object that nobody knows yet at a free place. -ENOSPC, -ENOMEM. */
static int enter(struct ipc_table *table, struct ipc_object *object) REQUIRES(table->lock)
{
	unsigned index = 0;

	if (table->used >= table->limit)
		return -ENOSPC;
	while (index < table->size && table->objects[index])
		index++;
	if (index == table->size) {
		unsigned size = max(2 * table->size, (unsigned)SIZE_FIRST);
		struct ipc_object **objects = mem_resize(table->objects, size * sizeof(*objects));

		if (!objects)
			return -ENOMEM;
		memset(objects + table->size, 0, (size - table->size) * sizeof(*objects));
		table->objects = objects;
		table->size = size;
	}
	object->perm.sequence = table->sequence++;
	object->id = (int)((unsigned)object->perm.sequence << INDEX_BITS | index);
	table->objects[index] = object;
	table->used++;
	return object->id;
}

static void fill_perm(struct ipc_object *object, const struct ipc_request *request)
{
	const struct credentials *c = &process_current()->credentials;

	object->refs = 1;
	object->removed = false;
	object->perm = (struct linux_ipc_perm){
		.key = request->key,
		.uid = c->euid,
		.gid = c->egid,
		.cuid = c->euid,
		.cgid = c->egid,
		.mode = request->flags & MODE_BITS,
	};
}

/* What there is under the key already. */
static long check_existing(const struct ipc_request *request, const struct ipc_object *object)
{
	const unsigned BOTH = IPC_CREAT | IPC_EXCL;

	if ((request->flags & BOTH) == BOTH)
		return -EEXIST;
	int err = request->check(request, object);
	if (!err)
		err = check_rights(object, request->flags & MODE_BITS);
	return err ? err : object->id;
}

static long find_existing(struct ipc_table *table, const struct ipc_request *request)
{
	long id = -ENOENT;

	if (request->key == IPC_PRIVATE)
		return id;
	spin_lock(&table->lock);
	const struct ipc_object *object = find_key(table, request->key);
	if (object)
		id = check_existing(request, object);
	spin_unlock(&table->lock);
	return id;
}

long ipc_get_id(struct ipc_table *table, const struct ipc_request *request)
{
	long id = find_existing(table, request);
	struct ipc_object *object;

	if (id != -ENOENT || (request->key != IPC_PRIVATE && !(request->flags & IPC_CREAT)))
		return id;
	int err = request->create(request, &object);
	if (err)
		return err;
	fill_perm(object, request);
	spin_lock(&table->lock);
	const struct ipc_object *other = request->key != IPC_PRIVATE ? find_key(table, request->key)
								     : NULL;
	id = other ? check_existing(request, other) : enter(table, object);
	spin_unlock(&table->lock);
	if (other || id < 0)
		table->destroy(object);
	return id;
}
