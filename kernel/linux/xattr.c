/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes (xattr(7)): no file has any, and none can be given one. Which error that is depends on the name's class, as
 * on a Linux tmpfs.
 */
#include <base/string.h>

#include "calls.h"

enum { XATTR_NAME_MAX = 255, XATTR_CREATE = 1, XATTR_REPLACE = 2 };
#define XATTR_SIZE_MAX ((size_t)65536)

static bool begins(const char *name, const char *class)
{
	return !strncmp(name, class, strlen(class));
}

/* -EOPNOTSUPP: a class that is not there at all; -ENODATA: one whose attributes are only absent. */
static int check_name(long address)
{
	char name[XATTR_NAME_MAX + 1];
	ssize_t length = user_read_string(name, (uintptr_t)address, sizeof(name));

	if (length < 0)
		return length == -ENAMETOOLONG ? -ERANGE : (int)length;
	if (!length)
		return -ERANGE;
	if (begins(name, "security.") || begins(name, "trusted.") ||
	    begins(name, "system.posix_acl_"))
		return -ENODATA;
	return -EOPNOTSUPP;
}

static int check_path(long path, unsigned flags)
{
	struct user_path text;
	struct inode *inode;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	err = path_lookup(&process_current()->paths, NULL, text.text, flags, &inode);
	user_path_put(&text);
	if (!err)
		inode_put(inode);
	return err;
}

static int check_fd(long fd)
{
	struct file *file = fd_file(fd);
	bool good = file && !(file->flags & O_PATH);

	file_put(file);
	return good ? 0 : -EBADF;
}

/* `found`: whether the file is there at all. */
static long get(int found, long name)
{
	int err = check_name(name);

	return err == -ENODATA || err == -EOPNOTSUPP ? (found ? found : err) : err;
}

static long set(int found, long name, long bytes, long flags)
{
	int err = check_name(name);

	if ((int)flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (err != -ENODATA && err != -EOPNOTSUPP)
		return err;
	if ((size_t)bytes > XATTR_SIZE_MAX)
		return -E2BIG;
	if (found)
		return found;
	return err == -ENODATA && flags & XATTR_REPLACE ? err : -EOPNOTSUPP;
}

long sys_setxattr(long path, long name, long value, long bytes, long flags)
{
	(void)value;
	return set(check_path(path, 0), name, bytes, flags);
}

long sys_lsetxattr(long path, long name, long value, long bytes, long flags)
{
	(void)value;
	return set(check_path(path, PATH_NOFOLLOW), name, bytes, flags);
}

long sys_fsetxattr(long fd, long name, long value, long bytes, long flags)
{
	(void)value;
	return set(check_fd(fd), name, bytes, flags);
}

long sys_getxattr(long path, long name, long value, long bytes)
{
	(void)value, (void)bytes;
	return get(check_path(path, 0), name);
}

long sys_lgetxattr(long path, long name, long value, long bytes)
{
	(void)value, (void)bytes;
	return get(check_path(path, PATH_NOFOLLOW), name);
}

long sys_fgetxattr(long fd, long name, long value, long bytes)
{
	(void)value, (void)bytes;
	return get(check_fd(fd), name);
}

long sys_listxattr(long path, long list, long bytes)
{
	(void)list, (void)bytes;
	return check_path(path, 0);
}

long sys_llistxattr(long path, long list, long bytes)
{
	(void)list, (void)bytes;
	return check_path(path, PATH_NOFOLLOW);
}

long sys_flistxattr(long fd, long list, long bytes)
{
	(void)list, (void)bytes;
	return check_fd(fd);
}

long sys_removexattr(long path, long name)
{
	return get(check_path(path, 0), name);
}

long sys_lremovexattr(long path, long name)
{
	return get(check_path(path, PATH_NOFOLLOW), name);
}

long sys_fremovexattr(long fd, long name)
{
	return get(check_fd(fd), name);
}
