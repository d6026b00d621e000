/* SPDX-License-Identifier: BSD-3-Clause */
/* mount(2), umount2(2), chroot(2). What can be mounted is a tmpfs; /proc, /sys and /dev are there already. */
#include <base/string.h>
#include <fs/mounts.h>

#include "calls.h"

enum {
	MS_RDONLY = 1,
	MS_REMOUNT = 32,
	MS_BIND = 4096,
	MS_MOVE = 8192,
	MS_PROPAGATION = 0xf << 17, /* MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED */
};
enum { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8, UMOUNT_ALL = 15 };
enum { TYPE_BYTES = 32, OPTIONS_BYTES = 256 };

static int find(long path, unsigned flags, struct inode **out)
{
	struct user_path text;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	err = path_lookup(&process_current()->paths, NULL, text.text, flags, out);
	user_path_put(&text);
	return err;
}

/* "mode=1777" among a tmpfs's options; the others only limit it. */
static uint32_t mode_of(const char *options)
{
	static const char key[] = "mode=";
	uint32_t mode = 01777;

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, key, sizeof(key) - 1))
			continue;
		mode = 0;
		for (at += sizeof(key) - 1; *at >= '0' && *at <= '7'; at++)
			mode = mode * 8 + (uint32_t)(*at - '0');
	}
	return mode & 07777;
}

static int mount_type(struct inode *place, const char *type, long options_address)
{
	char options[OPTIONS_BYTES] = "";

	if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs")) {
		if (options_address &&
		    user_read_string(options, (uintptr_t)options_address, sizeof(options)) < 0)
			return -EINVAL;
		return mounts_create_tmpfs(place, mode_of(options));
	}
	if (!strcmp(type, "proc") || !strcmp(type, "sysfs") || !strcmp(type, "devtmpfs"))
		return place == place->fs->root && !strcmp(place->fs->type, type) ? -EBUSY : -EPERM;
	return -ENODEV;
}

long sys_mount(long source, long target, long type_address, long flags, long options)
{
	char type[TYPE_BYTES] = "";
	struct inode *place;

	(void)source;
	if (type_address && user_read_string(type, (uintptr_t)type_address, sizeof(type)) < 0)
		return -EFAULT;
	int err = find(target, 0, &place);
	if (err)
		return err;
	if (!is_capable(CAP_SYS_ADMIN))
		err = -EPERM;
	else if (flags & (MS_BIND | MS_MOVE) || (flags & MS_REMOUNT && flags & MS_RDONLY))
		err = -EINVAL;
	else if (flags & (MS_PROPAGATION | MS_REMOUNT)) /* nobody to propagate to */
		err = place == place->fs->root ? 0 : -EINVAL;
	else if ((place->mode & S_IFMT) != S_IFDIR)
		err = -ENOTDIR;
	else
		err = mount_type(place, type, options);
	inode_put(place);
	return err;
}

long sys_umount2(long target, long flags)
{
	struct inode *root;

	if ((int)flags & ~UMOUNT_ALL || (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	int err = find(target, flags & UMOUNT_NOFOLLOW ? PATH_NOFOLLOW : 0, &root);
	if (err)
		return err;
	err = is_capable(CAP_SYS_ADMIN) ? mounts_remove(root) : -EPERM;
	inode_put(root);
	return err;
}

long sys_chroot(long path)
{
	struct path_context *paths = &process_current()->paths;
	struct inode *root;
	int err = find(path, PATH_DIRECTORY, &root);

	if (err)
		return err;
	if (!is_capable(CAP_SYS_CHROOT)) {
		inode_put(root);
		return -EPERM;
	}
	struct inode *old = paths->root;
	paths->root = root;
	inode_put(old);
	return 0;
}
