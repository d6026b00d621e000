/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to files, told to whoever watches them (inotify(7)). There is one listener at most; while there is none, or
 * none of the inodes concerned is watched, telling costs a test.
 *
 * The listener sets inode->watches of what it watches, and holds a reference to that inode as long. Its event() is called in the thread
 * that did it, after it is done and with no lock held but, perhaps, file.position_lock; it must not fail.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>
#include <fs/inode.h>

/* The bits of inotify(7), of which an event has one, and perhaps NOTIFY_DIRECTORY. */
enum {
	NOTIFY_ACCESS = 0x1,
	NOTIFY_MODIFY = 0x2,
	NOTIFY_ATTRIBUTES = 0x4,
	NOTIFY_CLOSE_WRITE = 0x8,
	NOTIFY_CLOSE_NOWRITE = 0x10,
	NOTIFY_OPEN = 0x20,
	NOTIFY_MOVED_FROM = 0x40,
	NOTIFY_MOVED_TO = 0x80,
	NOTIFY_CREATE = 0x100,
	NOTIFY_DELETE = 0x200,
	NOTIFY_DELETE_SELF = 0x400,
	NOTIFY_MOVE_SELF = 0x800,
	NOTIFY_DIRECTORY = 0x40000000,
};

struct notify_event {
	unsigned mask;
	uint32_t cookie; /* joins MOVED_FROM and MOVED_TO; else 0 */
	const char *
		name; /* of the entry of the watched directory, not NUL-terminated; NULL: the watched inode itself */
	size_t length;
};

struct notify_listener {
	void (*event)(struct inode *watched, const struct notify_event *event);
};

/** From now on; NULL: no more. `listener` lives for ever. */
void notify_set_listener(const struct notify_listener *listener);

extern const struct notify_listener *notify_listener; /* atomic; for the functions below */

void notify_inode_event(struct inode *inode, unsigned mask);
void notify_name_event(struct inode *dir, const struct notify_event *event);

/** Something happened to an inode: those who watch it are told, and those who watch the directory that it is in. */
static inline void notify_inode(struct inode *inode, unsigned mask)
{
	if (unlikely(__atomic_load_n(&notify_listener, __ATOMIC_RELAXED)) && inode)
		notify_inode_event(inode, mask);
}

/** Something happened to a name in `dir`. */
static inline void notify_name(struct inode *dir, const struct notify_event *event)
{
	if (unlikely(__atomic_load_n(&notify_listener, __ATOMIC_RELAXED)) && dir->watches)
		notify_name_event(dir, event);
}

/** A number for the two events of one rename. */
uint32_t notify_cookie(void);
