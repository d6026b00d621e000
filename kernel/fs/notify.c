/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling a listener what happens to files: see <fs/notify.h>. */
#include <fs/notify.h>

#include <fs/path.h>

/* One per machine, like the trees it is told about. */
const struct notify_listener *notify_listener;

void notify_set_listener(const struct notify_listener *listener)
{
	__atomic_store_n(&notify_listener, listener, __ATOMIC_RELEASE);
}

void notify_name_event(struct inode *dir, const struct notify_event *event)
{
	const struct notify_listener *listener = __atomic_load_n(&notify_listener,
								 __ATOMIC_ACQUIRE);

	if (listener && dir->watches)
		listener->event(dir, event);
}

void notify_inode_event(struct inode *inode, unsigned mask)
{
	char name[NAME_MAX];
	struct notify_event event = { .mask = mask };
	struct inode *dir;

	if ((inode->mode & S_IFMT) == S_IFDIR)
		event.mask |= NOTIFY_DIRECTORY;
	notify_name_event(inode, &event);
	dir = inode_place(inode, name, &event.length);
	if (!dir)
		return;
	event.name = name;
	notify_name_event(dir, &event);
	inode_put(dir);
}

uint32_t notify_cookie(void)
{
	static uint32_t last; /* one per machine */

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}
