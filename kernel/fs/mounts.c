/* SPDX-License-Identifier: BSD-3-Clause */
/* What is mounted where. Thread context. */
#include <fs/mounts.h>

#include <base/errno.h>
#include <base/list.h>

#include "internal.h"

enum { DEVICE_FIRST = 16 };

/* One per machine, as the tree is. */
static struct mutex mounts_lock = { .lock = SPINLOCK_INIT,
				    .waiters = { &mounts_lock.waiters, &mounts_lock.waiters } };
static struct filesystem *first, **last = &first; /* [mounts_lock] in order of mounting */

void mounts_add(struct filesystem *fs, struct inode *place)
{
	mutex_lock(&mounts_lock);
	fs->next_mounted = NULL;
	*last = fs;
	last = &fs->next_mounted;
	if (place) {
		fs->root->parent = place;
		place->mounted = fs;
	}
	mutex_unlock(&mounts_lock);
}

void mounts_reset(void)
{
	first = NULL;
	last = &first;
}

void mounts_each(bool (*fn)(void *context, struct filesystem *fs), void *context)
{
	mutex_lock(&mounts_lock);
	for (struct filesystem *fs = first; fs && fn(context, fs); fs = fs->next_mounted)
		;
	mutex_unlock(&mounts_lock);
}

int mounts_create_tmpfs(struct inode *place, uint32_t mode)
{
	static uint64_t device = DEVICE_FIRST; /* one per machine */
	const struct inode_attr attr = { .mode = mode };
	struct memfs *fs;
	int error;

	if (place->mounted)
		return -EBUSY;
	error = memfs_create("tmpfs", __atomic_fetch_add(&device, 1, __ATOMIC_RELAXED), NULL, &fs);
	if (error)
		return error;
	fs->keeps_time = true;
	fs->fs.removable = true;
	error = inode_setattr(fs->fs.root, &attr, INODE_SET_MODE);
	if (error) {
		memfs_destroy(fs);
		return error;
	}
	mounts_add(&fs->fs, inode_get(place));
	return 0;
}

static bool has_mounts_below(const struct filesystem *fs)
{
	for (const struct filesystem *other = first; other; other = other->next_mounted)
		if (other != fs && other->root->parent && other->root->parent->fs == fs)
			return true;
	return false;
}

static void take_out(struct filesystem *fs)
{
	struct filesystem **at = &first;

	while (*at != fs)
		at = &(*at)->next_mounted;
	*at = fs->next_mounted;
	if (last == &fs->next_mounted)
		last = at;
}

int mounts_remove(struct inode *root)
{
	struct filesystem *fs = root->fs;
	struct inode *place;
	int error = 0;

	if (root != fs->root)
		return -EINVAL;
	mutex_lock(&mounts_lock);
	place = root->parent;
	if (!place || place->mounted != fs)
		error = -EINVAL; /* "/", or it is gone already */
	else if (!fs->removable || has_mounts_below(fs))
		error = -EBUSY;
	if (!error) {
		take_out(fs);
		place->mounted = NULL;
	}
	mutex_unlock(&mounts_lock);
	if (!error) {
		/* What is open stays. The root's place stays too: ".." from there leads out. */
		mutex_lock(&fs->lock);
		memfs_clear(container_of(fs, struct memfs, fs));
		mutex_unlock(&fs->lock);
	}
	return error;
}
