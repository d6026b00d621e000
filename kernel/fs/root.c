/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of mounts: see <fs/root.h>. Thread context. */
#include <fs/root.h>

#include <base/assert.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <fs/mounts.h>

#include "internal.h"
#include "procfs.h"
#include "supply.h"

enum { DEVICE_ROOT = 1, DEVICE_DEV = 2 };

/* One per machine, set by root_mount(). */
static struct memfs *root, *dev;
static const struct lower *image_tree; /* NULL: an empty image */

struct inode *root_directory(void)
{
	return root ? root->fs.root : NULL;
}

/* The directory of this name in the root, made if the image has none. A reference. */
static int find_place(const char *name, struct inode **out)
{
	struct inode *top = root->fs.root;
	size_t length = strlen(name);
	int error;

	mutex_lock(&root->fs.lock);
	error = top->ops->lookup(top, name, length, out);
	if (error == -ENOENT)
		error = top->ops->create(top, name, length, S_IFDIR | 0755, 0, out);
	mutex_unlock(&root->fs.lock);
	if (error || ((*out)->mode & S_IFMT) == S_IFDIR)
		return error;
	inode_put(*out);
	return -ENOTDIR;
}

/* The reference to the place stays with the mounted root for ever. */
static int mount(const char *name, struct filesystem *fs)
{
	struct inode *place;
	int error = find_place(name, &place);

	if (error) {
		log_error("/%s of the image is no directory that can be used (error %d)", name,
			  -error);
		return error;
	}
	mounts_add(fs, place);
	return 0;
}

static int mount_all(void)
{
	struct filesystem *proc, *sys;
	int error = memfs_create("rootfs", DEVICE_ROOT, image_tree, &root);

	if (!error) {
		root->missing = supply_missing;
		mounts_add(&root->fs, NULL);
	}
	if (!error)
		error = memfs_create("devtmpfs", DEVICE_DEV, &devfs_lower, &dev);
	if (!error)
		error = mount("dev", &dev->fs);
	if (!error)
		error = procfs_filesystem(&proc);
	if (!error)
		error = mount("proc", proc);
	if (!error)
		error = sysfs_filesystem(&sys);
	if (!error)
		error = mount("sys", sys);
	return error;
}

static int mount_tree(int error)
{
	if (!error)
		error = mount_all();
	if (error)
		root_unmount();
	else
		root->keeps_time = dev->keeps_time = true;
	return error;
}

int root_mount(const void *image, uint64_t bytes)
{
	assert(!root);
	return mount_tree(bytes ? lower_erofs_create(image, bytes, &image_tree) : 0);
}

int root_mount_disk(struct block_dev *disk)
{
	assert(!root);
	return mount_tree(lower_erofs_create_disk(disk, &image_tree));
}

void root_unmount(void)
{
	procfs_reset();
	supply_reset();
	mounts_reset();
	if (dev)
		memfs_destroy(dev);
	if (root)
		memfs_destroy(root);
	if (image_tree)
		lower_erofs_destroy(image_tree);
	dev = root = NULL;
	image_tree = NULL;
}

int root_supply_file(const char *path, const char *text, size_t bytes)
{
	static const char etc_path[] = "/etc/";
	const char *name = path + sizeof(etc_path) - 1;
	struct inode *etc;
	int error;

	if (strncmp(path, etc_path, sizeof(etc_path) - 1))
		return -EINVAL;
	mutex_lock(&root->fs.lock);
	error = supply_set(name, text, bytes);
	if (!error && !root->fs.root->ops->lookup(root->fs.root, "etc", 3, &etc)) {
		error = (etc->mode & S_IFMT) == S_IFDIR ? supply_renew(etc, name) : 0;
		inode_put(etc);
	}
	mutex_unlock(&root->fs.lock);
	return error;
}

int root_create_file(uint64_t bytes, struct inode **out)
{
	return root ? memfs_create_file(root, bytes, out) : -ENOMEM;
}

int root_open_console(unsigned flags, struct file **out)
{
	struct path_context context = { .root = root_directory(), .cwd = root_directory() };

	return path_open(&context, NULL, "/dev/console", flags, 0, out);
}
