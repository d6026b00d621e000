/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System V shared memory: a segment is an object of the address space over a file without a name. Its attachments are the areas on
 * it; one that was removed goes with the last of them.
 */
#include <base/format.h>
#include <base/string.h>
#include <fs/root.h>
#include <mm/alloc.h>
#include <mm/space.h>

#include "calls.h"
#include "sysv.h"

enum { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
enum {
	SHM_HUGETLB = 04000,
	SHM_RDONLY = 010000,
	SHM_RND = 020000,
	SHM_REMAP = 040000,
	SHM_EXEC = 0100000
};
enum { SHM_DEST = 01000, SHM_LOCKED = 02000 }; /* in the mode that IPC_STAT tells */
enum { SEGMENTS_MAX = 4096 };
#define SEGMENT_BYTES_MAX (UINT64_MAX - ((uint64_t)1 << 24))

struct segment {
	struct ipc_object ipc;
	struct vm_object object;
	struct inode *memory; /* [reference] */
	uint64_t bytes;
	int64_t attach_time, detach_time, change_time; /* [lock] */
	int creator, last_user;                        /* [lock] */
};

struct linux_shmid_ds {
	struct linux_ipc_perm perm;
	uint64_t bytes;
	int64_t attach_time, detach_time, change_time;
	int32_t creator, last_user;
	uint64_t attached, unused_4, unused_5;
};
_Static_assert(sizeof(struct linux_shmid_ds) == 112, "Linux's struct shmid64_ds");

struct linux_shm_info {
	int32_t used;
	uint64_t total_pages, resident_pages, swapped_pages, attempts, successes;
};

static void destroy_segment(struct ipc_object *ipc);

static struct ipc_table segments = { .limit = SEGMENTS_MAX, .destroy = destroy_segment };

static struct segment *segment_of(struct ipc_object *ipc)
{
	return container_of(ipc, struct segment, ipc);
}

static struct segment *of_object(struct vm_object *object)
{
	return container_of(object, struct segment, object);
}

static void destroy_segment(struct ipc_object *ipc)
{
	struct segment *segment = segment_of(ipc);

	inode_put(segment->memory);
	mem_free(segment);
}

/* --- as an object of the address space --- */

static int shm_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct vm_object *memory = &of_object(object)->memory->pages;

	return memory->ops->page(memory, index, write, out);
}

static void shm_get(struct vm_object *object)
{
	spin_lock(&segments.lock);
	of_object(object)->ipc.refs++;
	spin_unlock(&segments.lock);
}

/* The table's own reference is left of one that nobody is attached to. */
static void shm_put(struct vm_object *object)
{
	struct segment *segment = of_object(object);

	spin_lock(&segments.lock);
	if (segment->ipc.refs == 2 && segment->ipc.perm.mode & SHM_DEST && !segment->ipc.removed)
		ipc_remove(&segments, &segment->ipc);
	ipc_unlock(&segments, &segment->ipc);
}

static size_t shm_name(struct vm_object *object, char *buffer, size_t size)
{
	format(buffer, size, "/SYSV%08x (deleted)", (unsigned)of_object(object)->ipc.perm.key);
	return strlen(buffer);
}

static const struct vm_object_ops shm_ops = {
	.page = shm_page,
	.get = shm_get,
	.put = shm_put,
	.name = shm_name,
};

/* --- shmget --- */

static int create_segment(const struct ipc_request *request, struct ipc_object **out)
{
	if (!request->size || request->size > SEGMENT_BYTES_MAX)
		return -EINVAL;
	if (request->flags & SHM_HUGETLB || request->size > USER_MAX)
		return -ENOMEM;
	struct segment *segment = mem_zalloc(sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	int err = root_create_file(align_up(request->size, PAGE_SIZE), &segment->memory);
	if (err) {
		mem_free(segment);
		return err;
	}
	vm_object_init(&segment->object, &shm_ops);
	segment->bytes = request->size;
	segment->creator = process_current()->pid;
	segment->change_time = ipc_time();
	*out = &segment->ipc;
	return 0;
}

static int check_segment(const struct ipc_request *request, const struct ipc_object *object)
{
	const struct segment *segment = container_of(object, struct segment, ipc);

	return segment->bytes < request->size ? -EINVAL : 0;
}

long sys_shmget(long key, long bytes, long flags)
{
	return ipc_get_id(&segments, &(struct ipc_request){
					     .key = (int)key,
					     .flags = (unsigned)flags,
					     .create = create_segment,
					     .check = check_segment,
					     .size = (size_t)bytes,
				     });
}

/* --- shmat, shmdt --- */

/* Where to attach, from what the program asked for. */
static int place(uintptr_t address, unsigned flags, struct space_map *map)
{
	uintptr_t within = address & (PAGE_SIZE - 1);

	if (within && !(flags & SHM_RND))
		return -EINVAL;
	address -= within;
	if (!address && flags & SHM_REMAP)
		return -EINVAL;
	map->hint = address;
	if (address)
		map->flags |= flags & SHM_REMAP ? AREA_FIXED : AREA_NO_REPLACE;
	return 0;
}

static long attach(struct segment *segment, uintptr_t address, unsigned flags)
{
	struct space_map map = {
		.bytes = segment->bytes,
		.prot = SPACE_READ | (flags & SHM_RDONLY ? 0 : SPACE_WRITE) |
			(flags & SHM_EXEC ? SPACE_EXEC : 0),
		.max_prot = SPACE_READ | SPACE_EXEC | (flags & SHM_RDONLY ? 0 : SPACE_WRITE),
		.flags = AREA_SHARED,
		.object = &segment->object,
	};
	uintptr_t at;
	int err = place(address, flags, &map);

	if (!err)
		err = space_map(process_current()->space, &map, &at);
	if (err)
		return err == -EEXIST ? -EINVAL : err;
	spin_lock(&segments.lock);
	segment->attach_time = ipc_time();
	segment->last_user = process_current()->pid;
	spin_unlock(&segments.lock);
	return (long)at;
}

long sys_shmat(long id, long address, long flags)
{
	unsigned rights = flags & SHM_RDONLY ? IPC_READ : IPC_READ | IPC_WRITE;
	struct ipc_object *ipc;
	int err = ipc_lock(&segments, (int)id, rights, &ipc);

	if (err)
		return err;
	spin_unlock(&segments.lock);
	long result = attach(segment_of(ipc), (uintptr_t)address, (unsigned)flags);
	shm_put(&segment_of(ipc)->object);
	return result;
}

/* The areas of one attachment: those of its segment that lie as far behind its address as in the segment. */
struct attachment {
	const struct vm_object *object; /* NULL: not known yet */
	uintptr_t address, start, end;  /* of the area that was found */
};

static bool find_area(void *context, const struct area *area)
{
	struct attachment *a = context;

	if (!area->object || area->object->ops != &shm_ops || area->start < a->address ||
	    (a->object && a->object != area->object) ||
	    area->object_page != (area->start - a->address) >> PAGE_SHIFT)
		return true;
	a->object = area->object;
	a->start = area->start;
	a->end = area->end;
	return false;
}

long sys_shmdt(long address)
{
	struct space *space = process_current()->space;
	struct attachment a = { .address = (uintptr_t)address };
	bool found = false;

	if (a.address & (PAGE_SIZE - 1))
		return -EINVAL;
	for (;;) {
		a.end = 0;
		space_each(space, find_area, &a);
		if (!a.end)
			return found ? 0 : -EINVAL;
		if (!found) {
			spin_lock(&segments.lock);
			struct segment *segment = of_object((struct vm_object *)a.object);
			segment->detach_time = ipc_time();
			segment->last_user = process_current()->pid;
			spin_unlock(&segments.lock);
		}
		found = true;
		int err = space_unmap(space, a.start, a.end - a.start);
		if (err)
			return err;
	}
}

/* --- shmctl --- */

static uint64_t count_areas(struct vm_object *object)
{
	uint64_t count = 0;

	spin_lock(&object->lock);
	list_for_each(node, &object->areas)
		count++;
	spin_unlock(&object->lock);
	return count;
}

static long stat_segment(int id, unsigned rights, uintptr_t address)
{
	struct linux_shmid_ds out = { 0 };
	struct ipc_object *ipc;
	int err = ipc_lock(&segments, id, rights, &ipc);

	if (err)
		return err;
	struct segment *segment = segment_of(ipc);
	out.perm = ipc->perm;
	out.bytes = segment->bytes;
	out.attach_time = segment->attach_time;
	out.detach_time = segment->detach_time;
	out.change_time = segment->change_time;
	out.creator = segment->creator;
	out.last_user = segment->last_user;
	spin_unlock(&segments.lock);
	out.attached = count_areas(&segment->object);
	shm_put(&segment->object);
	return user_write(address, &out, sizeof(out));
}

/* Removes, changes or locks one. */
static long change_segment(int id, int command, const struct linux_shmid_ds *in)
{
	struct ipc_object *ipc;
	int err = ipc_lock(&segments, id, 0, &ipc);

	if (err)
		return err;
	struct segment *segment = segment_of(ipc);
	err = ipc_check_owner(ipc);
	if (!err && command == IPC_RMID) {
		ipc->perm.mode |= SHM_DEST; /* goes with this call's reference, if it is the last */
		ipc->perm.key = IPC_PRIVATE;
	} else if (!err && command == IPC_SET) {
		ipc_set_perm(ipc, &in->perm);
		segment->change_time = ipc_time();
	} else if (!err && command == SHM_LOCK) {
		ipc->perm.mode |= SHM_LOCKED;
	} else if (!err) {
		ipc->perm.mode &= ~(uint32_t)SHM_LOCKED;
	}
	spin_unlock(&segments.lock);
	shm_put(&segment->object);
	return err;
}

static long tell_limits(uintptr_t address)
{
	const uint64_t info[9] = { SEGMENT_BYTES_MAX, 1, SEGMENTS_MAX, SEGMENTS_MAX,
				   SEGMENT_BYTES_MAX };

	return user_write(address, info, sizeof(info)) ? -EFAULT : ipc_highest(&segments);
}

static long tell_use(uintptr_t address)
{
	struct linux_shm_info info = { 0 };

	spin_lock(&segments.lock);
	info.used = (int32_t)segments.used;
	for (unsigned i = 0; i < segments.size; i++)
		if (segments.objects[i])
			info.total_pages += align_up(segment_of(segments.objects[i])->bytes,
						     PAGE_SIZE) /
					    PAGE_SIZE;
	spin_unlock(&segments.lock);
	return user_write(address, &info, sizeof(info)) ? -EFAULT : ipc_highest(&segments);
}

long sys_shmctl(long id, long command, long address)
{
	struct linux_shmid_ds in;

	if ((int)id < 0 || (int)command < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
		return tell_limits((uintptr_t)address);
	case SHM_INFO:
		return tell_use((uintptr_t)address);
	case IPC_STAT:
		return stat_segment((int)id, IPC_READ, (uintptr_t)address);
	case SHM_STAT:
	case SHM_STAT_ANY:
		id = ipc_id_at(&segments, (int)id);
		if (id < 0)
			return id;
		address = stat_segment((int)id, command == SHM_STAT ? IPC_READ : 0,
				       (uintptr_t)address);
		return address ? address : id;
	case IPC_SET:
		if (user_read(&in, (uintptr_t)address, sizeof(in)))
			return -EFAULT;
		return change_segment((int)id, IPC_SET, &in);
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		return change_segment((int)id, (int)command, NULL);
	default:
		return -EINVAL;
	}
}
