/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls that look at files: stat(2), statx(2), getdents(2), readlink(2), statfs(2). */
#include <base/assert.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "calls.h"

struct linux_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, block_bytes, blocks;
	struct linux_timespec atime, mtime, ctime;
	int64_t unused_3[3];
};
static_assert(sizeof(struct linux_stat) == 144, "asm/stat.h");

struct statx_time {
	int64_t seconds;
	uint32_t nanoseconds;
	int32_t pad;
};

struct linux_statx {
	uint32_t mask, block_bytes;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad_1;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id;
	uint64_t spare[13];
};
static_assert(sizeof(struct linux_statx) == 256, "linux/stat.h");

enum { STATX_BASIC_STATS = 0x7ff, STATX_MOUNT_ID = 0x1000, STATX_RESERVED = INT32_MIN };
enum { AT_STATX_SYNC_TYPE = 0x6000 };

/* Linux's encoding of a device number for user mode (new_encode_dev). */
static uint64_t encode_device(uint64_t major, uint64_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~(uint64_t)0xff) << 12;
}

struct found {
	struct inode_attr attr;
	uint64_t device; /* encoded */
};

static void set_device(struct found *found, const struct inode *inode)
{
	found->device = inode && inode->fs ? inode->fs->device : 0;
}

static int stat_fd(long fd, struct found *out)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = file_getattr(file, &out->attr);
	set_device(out, file->inode);
	file_put(file);
	return err;
}

static int stat_path(long dirfd, const char *path, unsigned flags, struct found *out)
{
	struct file *file;
	struct inode *base, *inode;
	int err = base_directory(dirfd, path, &file, &base);

	if (err)
		return err;
	err = path_lookup(&process_current()->paths, base, path,
			  (flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0) |
				  (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
			  &inode);
	file_put(file);
	if (err)
		return err;
	err = inode_getattr(inode, &out->attr);
	set_device(out, inode);
	inode_put(inode);
	return err;
}

/* The *at family: with AT_EMPTY_PATH the descriptor itself, which may be of any kind. */
static int stat_at(long dirfd, long address, unsigned flags, struct found *out)
{
	struct user_path path;

	if (!address && flags & AT_EMPTY_PATH && (int)dirfd >= 0)
		return stat_fd(dirfd, out);
	int err = user_path_get(&path, address);
	if (err)
		return err;
	if (!path.text[0] && flags & AT_EMPTY_PATH && (int)dirfd != AT_FDCWD)
		err = stat_fd(dirfd, out);
	else
		err = stat_path(dirfd, path.text, flags, out);
	user_path_put(&path);
	return err;
}

static struct linux_timespec to_timespec(struct timestamp t)
{
	return (struct linux_timespec){ t.seconds, t.nanoseconds };
}

static long write_stat(long address, const struct found *found)
{
	const struct inode_attr *a = &found->attr;
	const struct linux_stat stat = {
		.dev = found->device,
		.ino = a->ino,
		.nlink = a->nlink,
		.mode = a->mode,
		.uid = a->uid,
		.gid = a->gid,
		.rdev = encode_device(a->rdev >> 32, a->rdev & UINT32_MAX),
		.size = (int64_t)a->size,
		.block_bytes = PAGE_SIZE,
		.blocks = (int64_t)a->blocks_512,
		.atime = to_timespec(a->atime),
		.mtime = to_timespec(a->mtime),
		.ctime = to_timespec(a->ctime),
	};

	return user_write((uintptr_t)address, &stat, sizeof(stat));
}

long sys_newfstatat(long dirfd, long path, long address, long flags)
{
	struct found found;

	if ((int)flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	int err = stat_at(dirfd, path, (unsigned)flags, &found);
	return err ? err : write_stat(address, &found);
}

long sys_stat(long path, long address)
{
	return sys_newfstatat(AT_FDCWD, path, address, 0);
}

long sys_lstat(long path, long address)
{
	return sys_newfstatat(AT_FDCWD, path, address, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(long fd, long address)
{
	struct found found;
	int err = stat_fd(fd, &found);

	return err ? err : write_stat(address, &found);
}

static struct statx_time to_statx_time(struct timestamp t)
{
	return (struct statx_time){ .seconds = t.seconds, .nanoseconds = t.nanoseconds };
}

long sys_statx(long dirfd, long path, long flags, long mask, long address)
{
	const int known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
			  AT_STATX_SYNC_TYPE;
	struct found found;

	if ((int)flags & ~known || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    (int)mask & STATX_RESERVED)
		return -EINVAL;
	int err = stat_at(dirfd, path, (unsigned)flags, &found);
	if (err)
		return err;

	const struct inode_attr *a = &found.attr;
	const struct linux_statx statx = {
		.mask = STATX_BASIC_STATS | STATX_MOUNT_ID,
		.mount_id = found.device,
		.block_bytes = PAGE_SIZE,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.mode = (uint16_t)a->mode,
		.ino = a->ino,
		.size = a->size,
		.blocks = a->blocks_512,
		.atime = to_statx_time(a->atime),
		.ctime = to_statx_time(a->ctime),
		.mtime = to_statx_time(a->mtime),
		.rdev_major = (uint32_t)(a->rdev >> 32),
		.rdev_minor = (uint32_t)a->rdev,
		.dev_major = (uint32_t)(found.device >> 8 & 0xfff),
		.dev_minor = (uint32_t)((found.device & 0xff) | (found.device >> 12 & 0xfff00)),
	};
	return user_write((uintptr_t)address, &statx, sizeof(statx));
}

/* --- directories --- */

enum { DIRENT_CHUNK = 4096, DIRENT64_NAME = 19, DIRENT_NAME = 18 };

/* Entries are gathered in kernel memory, since the sink is called under the file system's lock. */
struct dirent_sink {
	struct dir_sink sink;
	char *buffer;
	size_t size, used;
	bool large; /* getdents64's form */
	bool full;
};

static bool put_dirent(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
		       unsigned type, uint64_t cookie)
{
	struct dirent_sink *s = container_of(sink, struct dirent_sink, sink);
	size_t name_at = s->large ? DIRENT64_NAME : DIRENT_NAME;
	/* The old form has the type in its last byte. */
	size_t bytes = align_up(name_at + length + (s->large ? 1 : 2), 8);
	uint16_t record = (uint16_t)bytes;
	char *at = s->buffer + s->used;

	if (bytes > s->size - s->used) {
		s->full = true;
		return false;
	}
	memset(at, 0, bytes);
	memcpy(at, &ino, sizeof(ino));
	memcpy(at + 8, &cookie, sizeof(cookie));
	memcpy(at + 16, &record, sizeof(record));
	memcpy(at + name_at, name, length);
	at[s->large ? 18 : bytes - 1] = (char)(type >> 12);
	s->used += bytes;
	return true;
}

static long list_directory(struct file *file, long address, size_t bytes, bool large)
{
	struct dirent_sink s = { .sink = { put_dirent }, .large = large };

	s.size = min(bytes, (size_t)DIRENT_CHUNK);
	s.buffer = mem_alloc(s.size);
	if (!s.buffer)
		return -ENOMEM;

	long result = file_iterate(file, &s.sink);
	if (s.used)
		result = user_write((uintptr_t)address, s.buffer, s.used) ? -EFAULT : (long)s.used;
	else if (result >= 0)
		result = s.full ? -EINVAL : 0;
	mem_free(s.buffer);
	return result;
}

static long getdents(long fd, long address, long bytes, bool large)
{
	struct file *file = fd_file(fd);
	enum { SMALLEST = 24 };

	if (!file)
		return -EBADF;
	long result = (unsigned long)(unsigned)bytes < SMALLEST
			      ? -EINVAL
			      : list_directory(file, address, (unsigned)bytes, large);
	file_put(file);
	return result;
}

long sys_getdents64(long fd, long address, long bytes)
{
	return getdents(fd, address, bytes, true);
}

long sys_getdents(long fd, long address, long bytes)
{
	return getdents(fd, address, bytes, false);
}

/* --- links --- */

static ssize_t read_link(struct inode *inode, char *buffer, size_t size)
{
	if ((inode->mode & S_IFMT) != S_IFLNK || !inode->ops->readlink)
		return -EINVAL;
	return inode->ops->readlink(inode, buffer, size);
}

/* The link that readlinkat(2) means: "" is a descriptor opened with O_PATH and O_NOFOLLOW. */
static int find_link(long dirfd, long path, struct inode **out)
{
	struct user_path text;
	struct file *file;
	struct inode *base;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	if (!text.text[0] && (int)dirfd != AT_FDCWD) {
		file = fd_file(dirfd);
		err = !file                                                     ? -EBADF
		      : !file->inode || (file->inode->mode & S_IFMT) != S_IFLNK ? -ENOENT
										: 0;
		if (!err)
			*out = inode_get(file->inode);
	} else {
		err = base_directory(dirfd, text.text, &file, &base);
		if (!err)
			err = path_lookup(&process_current()->paths, base, text.text, PATH_NOFOLLOW,
					  out);
	}
	file_put(file);
	user_path_put(&text);
	return err;
}

long sys_readlinkat(long dirfd, long path, long address, long bytes)
{
	struct inode *inode;

	bytes = (int)bytes;
	if (bytes <= 0)
		return -EINVAL;
	int err = find_link(dirfd, path, &inode);
	if (err)
		return err;

	char *buffer = mem_alloc(PATH_MAX);
	ssize_t length = buffer ? read_link(inode, buffer, min((size_t)bytes, (size_t)PATH_MAX))
				: -ENOMEM;
	if (length > 0 && user_write((uintptr_t)address, buffer, (size_t)length))
		length = -EFAULT;
	mem_free(buffer);
	inode_put(inode);
	return length;
}

long sys_readlink(long path, long address, long bytes)
{
	return sys_readlinkat(AT_FDCWD, path, address, bytes);
}

/* --- file systems --- */

struct linux_statfs {
	int64_t type, block_bytes;
	uint64_t blocks, blocks_free, blocks_available, files, files_free, id;
	int64_t name_bytes, fragment_bytes, flags, spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120, "asm/statfs.h");

enum { ST_VALID = 0x20 };

static long write_statfs(long address, const struct inode *inode)
{
	struct fs_stats stats;

	inode_stats(inode, &stats);
	struct linux_statfs s = {
		.type = (int64_t)stats.magic,
		.block_bytes = PAGE_SIZE,
		.blocks = stats.blocks,
		.blocks_free = stats.blocks_free,
		.blocks_available = stats.blocks_free,
		.files = stats.files,
		.files_free = stats.files_free,
		.id = inode->fs->device,
		.name_bytes = NAME_MAX,
		.fragment_bytes = PAGE_SIZE,
		.flags = ST_VALID,
	};
	return user_write((uintptr_t)address, &s, sizeof(s));
}

long sys_statfs(long path, long address)
{
	struct user_path text;
	struct inode *inode;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	err = path_lookup(&process_current()->paths, NULL, text.text, 0, &inode);
	user_path_put(&text);
	if (err)
		return err;
	long result = write_statfs(address, inode);
	inode_put(inode);
	return result;
}

long sys_fstatfs(long fd, long address)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	/* What has no inode has no file system to tell about: the root's serves. */
	const struct inode *inode = file->inode ? file->inode : process_current()->paths.root;
	long result = write_statfs(address, inode);
	file_put(file);
	return result;
}
