/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Something that areas are windows on, page by page: a file's page cache, a device, shared memory. Embedded in its owner
 * (an inode), and lives by the owner's reference count. It knows the areas, so that its owner can take pages back out of
 * them: what page() gave stays mapped until then.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <core/lock.h>

struct vm_object;

/** One page of an object. A borrowed frame (of the boot image or initrd) is read-only and not counted; else the caller
 * of `page` gets a reference to it (page_put() by whoever unmaps it). */
struct vm_page {
	phys_t frame;
	bool borrowed;
};

struct vm_object_ops {
	/** The page at `index`. `write`: the caller will let it be written through a shared area, so it must not be borrowed.
	 * -ENXIO: beyond the end; -EIO; -ENOMEM. May sleep. */
	int (*page)(struct vm_object *object, uint64_t index, bool write, struct vm_page *out);
	/** How many borrowed frames, from that of page `index` on, follow one another in memory, at most `count`;
	 * `*first` is the first. 0: none, or not without waiting or allocating. A fault in a private area then maps them all. May
	 * be NULL. */
	size_t (*run)(struct vm_object *object, uint64_t index, size_t count, phys_t *first);
	void (*get)(struct vm_object *object);
	void (*put)(struct vm_object *object);
	/** The name for /proc/self/maps, NUL-terminated within `size`. May be NULL; returns its length. */
	size_t (*name)(struct vm_object *object, char *buffer, size_t size);
	/** Device and inode number for /proc/self/maps. May be NULL. */
	void (*identity)(struct vm_object *object, uint64_t *device, uint64_t *inode);
};

struct vm_object {
	const struct vm_object_ops *ops;
	struct spinlock lock;
	struct list_node areas; /* [lock] struct area.object_link; new ones at the end */
};

#define VM_OBJECT_INIT(object, ops_)                                         \
	{                                                                    \
		.ops = (ops_), .areas = { &(object).areas, &(object).areas } \
	}

static inline void vm_object_init(struct vm_object *object, const struct vm_object_ops *ops)
{
	object->ops = ops;
	spin_init(&object->lock);
	list_init(&object->areas);
}

/** Which mappings of its pages an object takes back. */
enum vm_unmap {
	VM_UNMAP_ALL, /* also the copies that private areas have made of them: the file was cut */
	VM_UNMAP_SHARED,   /* those of shared areas */
	VM_UNMAP_BORROWED, /* those of borrowed frames */
};

/** Takes pages [first, end) out of all areas; the next touch asks the object again. What page() gives must have changed
 * before: a fault that was on its way with the old page is waited for. Thread context; takes the mutexes of the spaces. */
void vm_object_unmap(struct vm_object *object, uint64_t first, uint64_t end, enum vm_unmap which);

/** Whether a shared area on it may be written, or made so. */
bool vm_object_has_writers(struct vm_object *object);
