/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls that take paths and change what is there. Opening is in open.c, looking in stat.c. */
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "calls.h"
#include "place.h"

enum { MODE_BITS = 07777, R_OK = 4, W_OK = 2, X_OK = 1 };
/* utimensat(2) */
enum { UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe };

static struct path_context *context(void)
{
	return &process_current()->paths;
}

/* --- names --- */

static long make_node(long dirfd, long address, uint32_t mode, uint64_t device)
{
	struct place place;
	int err = place_get(&place, dirfd, address);

	if (err)
		return err;
	err = path_mknod(context(), place.base, place.path.text, mode, device);
	place_put(&place);
	return err;
}

long sys_mkdirat(long dirfd, long path, long mode)
{
	return make_node(dirfd, path, S_IFDIR | ((uint32_t)mode & 01777), 0);
}

long sys_mkdir(long path, long mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(long dirfd, long path, long mode, long device)
{
	uint32_t type = (uint32_t)mode & S_IFMT;
	uint64_t d = (uint32_t)device;
	uint64_t major = (d & 0xfff00) >> 8, minor = (d & 0xff) | ((d >> 12) & 0xfff00);

	if (!type)
		type = S_IFREG;
	if (type == S_IFDIR)
		return -EPERM;
	if (type == S_IFLNK)
		return -EINVAL;
	return make_node(dirfd, path, type | ((uint32_t)mode & MODE_BITS), major << 32 | minor);
}

long sys_mknod(long path, long mode, long device)
{
	return sys_mknodat(AT_FDCWD, path, mode, device);
}

long sys_unlinkat(long dirfd, long path, long flags)
{
	struct place place;

	flags = (int)flags;
	if (flags & ~(long)AT_REMOVEDIR)
		return -EINVAL;
	int err = place_get(&place, dirfd, path);
	if (err)
		return err;
	err = flags & AT_REMOVEDIR ? path_rmdir(context(), place.base, place.path.text)
				   : path_unlink(context(), place.base, place.path.text);
	place_put(&place);
	return err;
}

long sys_unlink(long path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(long path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_renameat2(long from_dirfd, long from, long to_dirfd, long to, long flags)
{
	struct place a, b;

	flags = (int)flags;
	if (flags & ~(long)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return -EINVAL;
	int err = place_get(&a, from_dirfd, from);
	if (err)
		return err;
	err = place_get(&b, to_dirfd, to);
	if (!err) {
		err = path_rename(context(), a.base, a.path.text, b.base, b.path.text,
				  (unsigned)flags);
		place_put(&b);
	}
	place_put(&a);
	return err;
}

long sys_renameat(long from_dirfd, long from, long to_dirfd, long to)
{
	return sys_renameat2(from_dirfd, from, to_dirfd, to, 0);
}

long sys_rename(long from, long to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_linkat(long from_dirfd, long from, long to_dirfd, long to, long flags)
{
	struct inode *target;
	struct place place;

	flags = (int)flags;
	if (flags & ~(long)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = find_inode(from_dirfd, from,
			     (flags & AT_EMPTY_PATH) |
				     (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW),
			     &target);
	if (err)
		return err;
	err = place_get(&place, to_dirfd, to);
	if (!err) {
		err = path_link(context(), target, place.base, place.path.text);
		place_put(&place);
	}
	inode_put(target);
	return err;
}

long sys_link(long from, long to)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_symlinkat(long target_address, long dirfd, long path)
{
	struct user_path target;
	struct place place;
	int err = user_path_get(&target, target_address);

	if (err)
		return err;
	err = target.text[0] ? place_get(&place, dirfd, path) : -ENOENT;
	if (!err) {
		err = path_symlink(context(), place.base, place.path.text, target.text);
		place_put(&place);
	}
	user_path_put(&target);
	return err;
}

long sys_symlink(long target, long path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

/* --- attributes --- */

static long set_attr(long dirfd, long path, unsigned at_flags, const struct inode_attr *attr,
		     unsigned set)
{
	struct inode *inode;
	int err = find_inode(dirfd, path, at_flags, &inode);

	if (err)
		return err;
	err = inode_setattr(inode, attr, set);
	inode_put(inode);
	return err;
}

static long set_attr_fd(long fd, const struct inode_attr *attr, unsigned set)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = file->flags & O_PATH ? -EBADF
		  : !file->inode       ? -EINVAL
				       : inode_setattr(file->inode, attr, set);
	file_put(file);
	return err;
}

long sys_fchmodat2(long dirfd, long path, long mode, long flags)
{
	const struct inode_attr attr = { .mode = (uint32_t)mode & MODE_BITS };

	if ((int)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return set_attr(dirfd, path, (unsigned)flags, &attr, INODE_SET_MODE);
}

long sys_fchmodat(long dirfd, long path, long mode)
{
	return sys_fchmodat2(dirfd, path, mode, 0);
}

long sys_chmod(long path, long mode)
{
	return sys_fchmodat2(AT_FDCWD, path, mode, 0);
}

long sys_fchmod(long fd, long mode)
{
	const struct inode_attr attr = { .mode = (uint32_t)mode & MODE_BITS };

	return set_attr_fd(fd, &attr, INODE_SET_MODE);
}

/* An id of -1 stays as it is. */
static unsigned owner_set(long uid, long gid)
{
	return ((int)uid == -1 ? 0 : INODE_SET_UID) | ((int)gid == -1 ? 0 : INODE_SET_GID);
}

long sys_fchownat(long dirfd, long path, long uid, long gid, long flags)
{
	const struct inode_attr attr = { .uid = (uint32_t)uid, .gid = (uint32_t)gid };

	if ((int)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return set_attr(dirfd, path, (unsigned)flags, &attr, owner_set(uid, gid));
}

long sys_chown(long path, long uid, long gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(long path, long uid, long gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(long fd, long uid, long gid)
{
	const struct inode_attr attr = { .uid = (uint32_t)uid, .gid = (uint32_t)gid };

	return set_attr_fd(fd, &attr, owner_set(uid, gid));
}

long sys_truncate(long path, long size)
{
	struct inode *inode;
	const struct inode_attr attr = { .size = (uint64_t)size };

	if (size < 0)
		return -EINVAL;
	int err = find_inode(AT_FDCWD, path, 0, &inode);
	if (err)
		return err;
	uint32_t type = inode->mode & S_IFMT;
	err = type == S_IFDIR   ? -EISDIR
	      : type != S_IFREG ? -EINVAL
				: inode_setattr(inode, &attr, INODE_SET_SIZE);
	inode_put(inode);
	return err;
}

static struct timestamp wall_timestamp(void)
{
	uint64_t now = time_wall();

	return (struct timestamp){ (int64_t)(now / NS_PER_S), (uint32_t)(now % NS_PER_S) };
}

/* One of utimensat's two times. */
static int choose_time(const struct linux_timespec *given, unsigned bit, struct timestamp *out,
		       unsigned *set)
{
	if (given && given->nanoseconds == UTIME_OMIT)
		return 0;
	*set |= bit;
	if (!given || given->nanoseconds == UTIME_NOW) {
		*out = wall_timestamp();
		return 0;
	}
	if (given->nanoseconds < 0 || given->nanoseconds >= (int64_t)NS_PER_S)
		return -EINVAL;
	*out = (struct timestamp){ given->seconds, (uint32_t)given->nanoseconds };
	return 0;
}

static long set_times(long dirfd, long path, const struct linux_timespec *times, unsigned flags)
{
	struct inode_attr attr = { 0 };
	unsigned set = 0;
	int err = choose_time(times, INODE_SET_ATIME, &attr.atime, &set);

	if (!err)
		err = choose_time(times ? times + 1 : NULL, INODE_SET_MTIME, &attr.mtime, &set);
	if (err || !set)
		return err;
	/* futimens(3): no path at all means the descriptor. */
	return path ? set_attr(dirfd, path, flags, &attr, set) : set_attr_fd(dirfd, &attr, set);
}

long sys_utimensat(long dirfd, long path, long times_address, long flags)
{
	struct linux_timespec times[2];

	if ((int)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times_address && user_read(times, (uintptr_t)times_address, sizeof(times)))
		return -EFAULT;
	return set_times(dirfd, path, times_address ? times : NULL, (unsigned)flags);
}

long sys_futimesat(long dirfd, long path, long times_address)
{
	struct linux_timeval given[2];
	struct linux_timespec times[2];

	if (!times_address)
		return set_times(dirfd, path, NULL, 0);
	if (user_read(given, (uintptr_t)times_address, sizeof(given)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (given[i].microseconds < 0 || given[i].microseconds >= 1000000)
			return -EINVAL;
		times[i] = (struct linux_timespec){ given[i].seconds,
						    given[i].microseconds * 1000 };
	}
	return set_times(dirfd, path, times, 0);
}

long sys_utimes(long path, long times)
{
	return sys_futimesat(AT_FDCWD, path, times);
}

long sys_utime(long path, long times_address)
{
	int64_t given[2];
	struct linux_timespec times[2] = { 0 };

	if (!times_address)
		return set_times(AT_FDCWD, path, NULL, 0);
	if (user_read(given, (uintptr_t)times_address, sizeof(given)))
		return -EFAULT;
	times[0].seconds = given[0];
	times[1].seconds = given[1];
	return set_times(AT_FDCWD, path, times, 0);
}

/* --- the process's own --- */

long sys_umask(long mask)
{
	return (long)__atomic_exchange_n(&context()->umask, (uint32_t)mask & 0777,
					 __ATOMIC_RELAXED);
}

static void set_working_directory(struct inode *inode)
{
	struct inode *old = context()->cwd;

	context()->cwd = inode;
	inode_put(old);
}

long sys_chdir(long path)
{
	struct user_path text;
	struct inode *inode;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	err = path_lookup(context(), NULL, text.text, PATH_DIRECTORY, &inode);
	user_path_put(&text);
	if (!err)
		set_working_directory(inode);
	return err;
}

long sys_fchdir(long fd)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	bool directory = file->inode && (file->inode->mode & S_IFMT) == S_IFDIR;
	if (directory)
		set_working_directory(inode_get(file->inode));
	file_put(file);
	return directory ? 0 : -ENOTDIR;
}

long sys_getcwd(long address, long bytes)
{
	char *path = mem_alloc(PATH_MAX);

	if (!path)
		return -ENOMEM;
	ssize_t length = path_of_directory(context(), context()->cwd, path,
					   min((size_t)bytes, (size_t)PATH_MAX));
	if (length > 0 && user_write((uintptr_t)address, path, (size_t)length))
		length = -EFAULT;
	mem_free(path);
	return length;
}

long sys_faccessat2(long dirfd, long path, long mode, long flags)
{
	struct inode *inode;

	mode = (int)mode;
	flags = (int)flags;
	if (mode & ~(long)(R_OK | W_OK | X_OK) ||
	    flags & ~(long)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = find_inode(dirfd, path, (unsigned)flags, &inode);
	if (err)
		return err;
	err = inode_access(inode, (unsigned)mode);
	inode_put(inode);
	return err;
}

long sys_faccessat(long dirfd, long path, long mode)
{
	return sys_faccessat2(dirfd, path, mode, 0);
}

long sys_access(long path, long mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}
