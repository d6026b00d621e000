/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes (xattr(7)). The classes are user, trusted and security; of system, which would be access control lists, a file
 * has none and can be given none.
 */
#include <base/bits.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "calls.h"

enum { XATTR_NAME_MAX = 255 };
#define XATTR_SIZE_MAX ((size_t)65536)

/* What a call is about: a path or a descriptor, and an attribute's name. */
struct request {
	struct inode *inode; /* [reference] NULL: the file has none (a pipe) */
	char name[XATTR_NAME_MAX + 1];
};

/* --- names --- */

static int read_name(long address, char name[XATTR_NAME_MAX + 1])
{
	ssize_t length = user_read_string(name, (uintptr_t)address, XATTR_NAME_MAX + 1);

	if (length == -ENAMETOOLONG || !length)
		return -ERANGE;
	return length < 0 ? (int)length : 0;
}

static bool is_of(const char *name, const char *class)
{
	return !strncmp(name, class, strlen(class));
}

/* 0: of a class whose attributes are kept. */
static int check_class(const char *name)
{
	static const char *const classes[] = { "user.", "trusted.", "security." };

	for (size_t i = 0; i < countof(classes); i++)
		if (is_of(name, classes[i]))
			return name[strlen(classes[i])] ? 0 : -EINVAL;
	return is_of(name, "system.posix_acl_") ? -ENODATA : -EOPNOTSUPP;
}

static bool has_user_attributes(const struct inode *inode)
{
	uint32_t type = inode ? inode->mode & S_IFMT : 0;

	return type == S_IFREG || type == S_IFDIR;
}

/* Whether an attribute of this name can be had of the file, or given to it. */
static int check_read(const struct request *r)
{
	int err = check_class(r->name);

	if (err)
		return err;
	if (is_of(r->name, "user.") && !has_user_attributes(r->inode))
		return -ENODATA;
	if (is_of(r->name, "trusted.") && !is_capable(CAP_SYS_ADMIN))
		return -ENODATA;
	return r->inode ? 0 : -EOPNOTSUPP;
}

static int check_write(const struct request *r)
{
	int err = check_class(r->name);

	if (err)
		return err == -ENODATA ? -EOPNOTSUPP : err;
	bool allowed = is_of(r->name, "user.") ? has_user_attributes(r->inode)
					       : is_capable(CAP_SYS_ADMIN);
	if (!allowed)
		return -EPERM;
	return r->inode ? 0 : -EOPNOTSUPP;
}

/* --- files --- */

static int find_path(struct request *r, long path, unsigned flags)
{
	struct user_path text;
	int err = user_path_get(&text, path);

	if (err)
		return err;
	err = path_lookup(&process_current()->paths, NULL, text.text, flags, &r->inode);
	user_path_put(&text);
	return err;
}

static int find_fd(struct request *r, long fd)
{
	struct file *file = fd_file(fd);
	bool good = file && !(file->flags & O_PATH);

	r->inode = good && file->inode ? inode_get(file->inode) : NULL;
	file_put(file);
	return good ? 0 : -EBADF;
}

/* How a call says which file it means. */
enum file_by { BY_PATH, BY_LINK, BY_FD };

static int find_file(struct request *r, enum file_by by, long file)
{
	return by == BY_FD ? find_fd(r, file)
			   : find_path(r, file, by == BY_LINK ? PATH_NOFOLLOW : 0);
}

/* --- reading --- */

/* What `read` gives goes to the program: a value, or the names. */
static long give(const struct request *r, long address, long bytes,
		 ssize_t (*read)(const struct request *r, void *buffer, size_t size))
{
	size_t size = min((size_t)bytes, XATTR_SIZE_MAX);
	void *buffer = size ? mem_alloc(size) : NULL;

	if (size && !buffer)
		return -ENOMEM;
	ssize_t count = read(r, buffer, size);
	if (count > 0 && size && user_write((uintptr_t)address, buffer, (size_t)count))
		count = -EFAULT;
	mem_free(buffer);
	return count;
}

static ssize_t read_value(const struct request *r, void *buffer, size_t size)
{
	return inode_get_xattr(r->inode, r->name, buffer, size);
}

static ssize_t read_names(const struct request *r, void *buffer, size_t size)
{
	return r->inode ? inode_list_xattrs(r->inode, buffer, size) : 0;
}

static long get(enum file_by by, long file, long name, long value, long bytes)
{
	struct request r;
	long result = read_name(name, r.name);

	if (!result)
		result = find_file(&r, by, file);
	if (result)
		return result;
	result = check_read(&r);
	if (!result)
		result = give(&r, value, bytes, read_value);
	inode_put(r.inode);
	return result;
}

static long list(enum file_by by, long file, long names, long bytes)
{
	struct request r;
	long result = find_file(&r, by, file);

	if (result)
		return result;
	result = give(&r, names, bytes, read_names);
	inode_put(r.inode);
	return result;
}

/* --- writing --- */

/* `value` NULL: takes it away. */
static long change(struct request *r, enum file_by by, long file, const void *value, size_t bytes,
		   unsigned flags)
{
	long result = find_file(r, by, file);

	if (result)
		return result;
	result = check_write(r);
	if (!result)
		result = inode_set_xattr(r->inode, r->name, value, bytes, flags);
	inode_put(r->inode);
	return result;
}

struct new_value {
	long address, bytes, flags;
};

static long set(enum file_by by, long file, long name, const struct new_value *new)
{
	size_t bytes = (size_t) new->bytes;
	struct request r;

	if ((int)new->flags & ~(INODE_XATTR_CREATE | INODE_XATTR_REPLACE))
		return -EINVAL;
	long result = read_name(name, r.name);
	if (result)
		return result;
	if (bytes > XATTR_SIZE_MAX)
		return -E2BIG;
	void *value = mem_alloc(max(bytes, (size_t)1));
	if (!value)
		return -ENOMEM;
	result = user_read(value, (uintptr_t) new->address, bytes);
	if (!result)
		result = change(&r, by, file, value, bytes, (unsigned)new->flags);
	mem_free(value);
	return result;
}

static long take_away(enum file_by by, long file, long name)
{
	struct request r;
	int err = read_name(name, r.name);

	return err ? err : change(&r, by, file, NULL, 0, 0);
}

/* --- the calls --- */

long sys_setxattr(long path, long name, long value, long bytes, long flags)
{
	return set(BY_PATH, path, name, &(struct new_value){ value, bytes, flags });
}

long sys_lsetxattr(long path, long name, long value, long bytes, long flags)
{
	return set(BY_LINK, path, name, &(struct new_value){ value, bytes, flags });
}

long sys_fsetxattr(long fd, long name, long value, long bytes, long flags)
{
	return set(BY_FD, fd, name, &(struct new_value){ value, bytes, flags });
}

long sys_getxattr(long path, long name, long value, long bytes)
{
	return get(BY_PATH, path, name, value, bytes);
}

long sys_lgetxattr(long path, long name, long value, long bytes)
{
	return get(BY_LINK, path, name, value, bytes);
}

long sys_fgetxattr(long fd, long name, long value, long bytes)
{
	return get(BY_FD, fd, name, value, bytes);
}

long sys_listxattr(long path, long names, long bytes)
{
	return list(BY_PATH, path, names, bytes);
}

long sys_llistxattr(long path, long names, long bytes)
{
	return list(BY_LINK, path, names, bytes);
}

long sys_flistxattr(long fd, long names, long bytes)
{
	return list(BY_FD, fd, names, bytes);
}

long sys_removexattr(long path, long name)
{
	return take_away(BY_PATH, path, name);
}

long sys_lremovexattr(long path, long name)
{
	return take_away(BY_LINK, path, name);
}

long sys_fremovexattr(long fd, long name)
{
	return take_away(BY_FD, fd, name);
}
