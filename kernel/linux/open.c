/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths from the program, and the calls that open what they lead to: open(2), openat(2), openat2(2). */
#include <base/string.h>
#include <mm/alloc.h>

#include "calls.h"
#include "place.h"

enum { MODE_BITS = 07777, RESOLVE_ALL = 0x3f };

static struct path_context *context(void)
{
	return &process_current()->paths;
}

int user_path_get(struct user_path *path, long address)
{
	ssize_t length = user_read_string(path->inline_text, (uintptr_t)address,
					  sizeof(path->inline_text));

	path->text = path->inline_text;
	if (length != -ENAMETOOLONG)
		return length < 0 ? (int)length : 0;
	path->text = mem_alloc(PATH_MAX);
	if (!path->text)
		return -ENOMEM;
	length = user_read_string(path->text, (uintptr_t)address, PATH_MAX);
	if (length < 0)
		user_path_put(path);
	return length < 0 ? (int)length : 0;
}

void user_path_put(struct user_path *path)
{
	if (path->text != path->inline_text)
		mem_free(path->text);
}

int base_directory(long dirfd, const char *path, struct file **file, struct inode **out)
{
	*file = NULL;
	*out = NULL;
	if (path[0] == '/' || (int)dirfd == AT_FDCWD)
		return 0;
	*file = fd_file(dirfd);
	if (!*file)
		return -EBADF;
	*out = (*file)->inode;
	if (!*out || ((*out)->mode & S_IFMT) != S_IFDIR) {
		file_put(*file);
		*file = NULL;
		return -ENOTDIR;
	}
	return 0;
}

int place_get(struct place *place, long dirfd, long address)
{
	int err = user_path_get(&place->path, address);

	if (err)
		return err;
	err = base_directory(dirfd, place->path.text, &place->file, &place->base);
	if (err)
		user_path_put(&place->path);
	return err;
}

void place_put(struct place *place)
{
	file_put(place->file);
	user_path_put(&place->path);
}

int find_inode(long dirfd, long address, unsigned at_flags, struct inode **out)
{
	struct user_path path;
	struct file *file = NULL;
	struct inode *base = NULL;
	int err = user_path_get(&path, address);

	if (err)
		return err;
	if (!path.text[0] && at_flags & AT_EMPTY_PATH && (int)dirfd != AT_FDCWD) {
		file = fd_file(dirfd);
		err = !file ? -EBADF : file->inode ? 0 : -EINVAL;
		if (!err)
			*out = inode_get(file->inode);
	} else {
		err = base_directory(dirfd, path.text, &file, &base);
		if (!err)
			err = path_lookup(context(), base, path.text,
					  (at_flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0) |
						  (at_flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
					  out);
	}
	file_put(file);
	user_path_put(&path);
	return err;
}

/* --- opening --- */

static long install(struct file *file, unsigned flags)
{
	int fd = fd_install(process_current()->files, file, 0, flags & O_CLOEXEC);

	if (fd < 0)
		file_put(file);
	return fd;
}

static long open_at(long dirfd, long address, unsigned flags, uint32_t mode)
{
	struct place place;
	struct file *file;
	int err = place_get(&place, dirfd, address);

	if (err)
		return err;
	err = path_open(context(), place.base, place.path.text, flags & ~(unsigned)O_CLOEXEC,
			mode & MODE_BITS, &file);
	place_put(&place);
	return err ? restartable(err) : install(file, flags);
}

long sys_open(long path, long flags, long mode)
{
	return open_at(AT_FDCWD, path, (unsigned)flags, (uint32_t)mode);
}

long sys_openat(long dirfd, long path, long flags, long mode)
{
	return open_at(dirfd, path, (unsigned)flags, (uint32_t)mode);
}

long sys_creat(long path, long mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (uint32_t)mode);
}

/* openat2(2): what "/" is and where ".." ends may be the directory given. */
static long open_resolved(long dirfd, long address, unsigned flags, uint32_t mode, uint32_t resolve)
{
	struct path_context scoped = *context();
	struct place place;
	struct file *file, *base_file;
	struct inode *base;
	int err = place_get(&place, dirfd, address);

	if (err)
		return err;
	/* An absolute path has a base here as well. */
	err = base_directory(dirfd, "", &base_file, &base);
	scoped.resolve = resolve;
	if (!err && resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		scoped.root = base ? base : scoped.cwd;
	if (!err && resolve & RESOLVE_CACHED &&
	    flags & (O_TRUNC | O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
		err = -EAGAIN;
	if (!err)
		err = path_open(&scoped, base, place.path.text, flags & ~(unsigned)O_CLOEXEC,
				mode & MODE_BITS, &file);
	file_put(base_file);
	place_put(&place);
	return err ? restartable(err) : install(file, flags);
}

long sys_openat2(long dirfd, long path, long how_address, long bytes)
{
	struct {
		uint64_t flags, mode, resolve;
	} how;

	if ((unsigned long)bytes < sizeof(how))
		return -EINVAL;
	if ((unsigned long)bytes > PAGE_SIZE)
		return -E2BIG;
	if (user_read(&how, (uintptr_t)how_address, sizeof(how)))
		return -EFAULT;
	/* What is longer than we know must ask for nothing. */
	for (unsigned long at = sizeof(how); at < (unsigned long)bytes; at++) {
		uint8_t byte;

		if (user_read(&byte, (uintptr_t)how_address + at, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	if (how.flags >> 32 || how.mode & ~(uint64_t)MODE_BITS ||
	    (how.mode && !(how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))))
		return -EINVAL;
	if (how.resolve & ~(uint64_t)RESOLVE_ALL ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ==
		    (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	return open_resolved(dirfd, path, (unsigned)how.flags, (uint32_t)how.mode,
			     (uint32_t)how.resolve);
}
