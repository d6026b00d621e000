/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors and what is done to an open file as such: dup(2), fcntl(2), close(2), pipe(2), ioctl(2), fsync(2), ... */
#include <base/format.h>
#include <base/string.h>
#include <fs/block_cache.h>
#include <fs/lock.h>
#include <fs/memfs.h>
#include <fs/pipe.h>
#include <fs/root.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"

enum {
	F_DUPFD,
	F_GETFD,
	F_SETFD,
	F_GETFL,
	F_SETFL,
	F_GETLK,
	F_SETLK,
	F_SETLKW,
	F_SETOWN,
	F_GETOWN,
	F_SETSIG,
	F_GETSIG,
	F_SETOWN_EX = 15,
	F_GETOWN_EX,
	F_OFD_GETLK = 36,
	F_OFD_SETLK,
	F_OFD_SETLKW,
	F_SETLEASE = 1024,
	F_GETLEASE,
	F_DUPFD_CLOEXEC = 1030,
	F_SETPIPE_SZ = 1031,
	F_GETPIPE_SZ,
	F_ADD_SEALS,
	F_GET_SEALS,
};
enum { FD_CLOEXEC = 1, F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2 };
enum {
	FIONCLEX = 0x5450,
	FIOCLEX = 0x5451,
	FIONBIO = 0x5421,
	FIOASYNC = 0x5452,
	FIONREAD = 0x541b
};
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum { FLAGS_CHANGEABLE = O_APPEND | O_NONBLOCK | O_DIRECT | O_ASYNC | O_NOATIME };
enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };
enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_NAME_MAX = 249 };

static struct fd_table *current_files(void)
{
	return process_current()->files;
}

long install_new(const struct file_ops *ops, void *private, unsigned flags)
{
	struct file *file = file_create(ops, O_RDWR | (flags & O_NONBLOCK), private);

	if (!file) {
		mem_free(private);
		return -ENOMEM;
	}
	int fd = fd_install(current_files(), file, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_close(long fd)
{
	return fd_close(current_files(), (int)fd);
}

long sys_close_range(long first, long last, long flags)
{
	struct fd_table *files = current_files();
	unsigned from = (unsigned)first, to = (unsigned)last;

	flags = (int)flags;
	if (flags & ~(long)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || from > to)
		return -EINVAL;
	for (int fd = fd_next(files, from); fd >= 0 && (unsigned)fd <= to;
	     fd = fd_next(files, (unsigned)fd + 1)) {
		int err = flags & CLOSE_RANGE_CLOEXEC ? fd_set_flags(files, fd, true)
						      : fd_close(files, fd);
		(void)err; /* closed meanwhile by another thread is closed */
	}
	return 0;
}

static long duplicate(long fd, unsigned from, bool close_on_exec)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int result = fd_install(current_files(), file, from, close_on_exec);
	if (result < 0)
		file_put(file);
	return result;
}

static long duplicate_at(long fd, long at, bool close_on_exec)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = fd_install_at(current_files(), (int)at, file, close_on_exec);
	if (err < 0) {
		file_put(file);
		return err;
	}
	return (int)at;
}

long sys_dup(long fd)
{
	return duplicate(fd, 0, false);
}

long sys_dup2(long fd, long at)
{
	if ((int)fd != (int)at)
		return duplicate_at(fd, at, false);
	int flags = fd_flags(current_files(), (int)fd);
	return flags < 0 ? flags : (int)at;
}

long sys_dup3(long fd, long at, long flags)
{
	flags = (int)flags;
	if (flags & ~(long)O_CLOEXEC || (int)fd == (int)at)
		return -EINVAL;
	return duplicate_at(fd, at, flags & O_CLOEXEC);
}

static int install_pair(struct file *reader, struct file *writer, bool close_on_exec, int fds[2])
{
	fds[0] = fd_install(current_files(), reader, 0, close_on_exec);
	if (fds[0] < 0) {
		file_put(reader);
		file_put(writer);
		return fds[0];
	}
	fds[1] = fd_install(current_files(), writer, 0, close_on_exec);
	if (fds[1] < 0) {
		file_put(writer);
		int err = fd_close(current_files(), fds[0]);
		(void)err;
		return fds[1];
	}
	return 0;
}

long sys_pipe2(long address, long flags)
{
	struct file *reader, *writer;
	int fds[2];

	flags = (int)flags;
	if (flags & ~(long)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	int err = pipe_create((unsigned)flags & (O_NONBLOCK | O_DIRECT), &reader, &writer);
	if (err)
		return err;
	err = install_pair(reader, writer, flags & O_CLOEXEC, fds);
	if (err)
		return err;
	if (!user_write((uintptr_t)address, fds, sizeof(fds)))
		return 0;
	for (int i = 0; i < 2; i++) {
		err = fd_close(current_files(), fds[i]);
		(void)err;
	}
	return -EFAULT;
}

long sys_pipe(long address)
{
	return sys_pipe2(address, 0);
}

/* --- locks --- */

struct linux_flock {
	int16_t type, whence;
	uint32_t pad;
	int64_t start, length;
	int32_t pid, pad_2;
};

/* The range a lock means (fs/locks.c, flock64_to_posix_lock()). */
static int lock_range(struct file *file, const struct linux_flock *given, struct file_lock *lock)
{
	struct inode_attr attr = { .size = 0 };
	int64_t start = given->start, last = INT64_MAX;

	if (given->whence < FILE_SEEK_SET || given->whence > FILE_SEEK_END)
		return -EINVAL;
	if (given->whence == FILE_SEEK_END && file_getattr(file, &attr))
		return -EINVAL;
	uint64_t base = given->whence == FILE_SEEK_CUR ? file->position : attr.size;
	if (add_overflows(start, (int64_t)base, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (given->length > 0 && add_overflows(start, given->length - 1, &last))
		return -EOVERFLOW;
	if (given->length < 0) {
		last = start - 1;
		if (add_overflows(start, given->length, &start) || start < 0)
			return -EINVAL;
	}
	lock->start = (uint64_t)start;
	lock->last = (uint64_t)last;
	return 0;
}

static long query_lock(struct file *file, struct file_lock *lock, struct linux_flock *given,
		       uintptr_t address)
{
	if (lock->type == FILE_LOCK_NONE)
		return -EINVAL;
	file_lock_query(file, lock);
	given->type = (int16_t)lock->type;
	if (lock->type != FILE_LOCK_NONE) {
		given->whence = FILE_SEEK_SET;
		given->start = (int64_t)lock->start;
		given->length = lock->last == FILE_LOCK_END
					? 0
					: (int64_t)(lock->last - lock->start + 1);
		given->pid = lock->pid;
	}
	return user_write(address, given, sizeof(*given));
}

static long lock_record(struct file *file, unsigned cmd, uintptr_t address)
{
	struct linux_flock given;
	bool of_file = cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW;
	struct file_lock lock = {
		.owner = of_file ? (const void *)file : current_files(),
		.pid = of_file ? -1 : process_current()->pid,
	};

	if (user_read(&given, address, sizeof(given)))
		return -EFAULT;
	if (of_file && given.pid)
		return -EINVAL;
	if (given.type < F_RDLCK || given.type > F_UNLCK)
		return -EINVAL;
	lock.type = (enum file_lock_type)given.type;
	int err = lock_range(file, &given, &lock);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return query_lock(file, &lock, &given, address);

	unsigned mode = file->flags & O_ACCMODE;
	if ((lock.type == FILE_LOCK_READ && mode == O_WRONLY) ||
	    (lock.type == FILE_LOCK_WRITE && mode == O_RDONLY))
		return -EBADF;
	return restartable(file_lock_set(file, &lock, cmd == F_SETLKW || cmd == F_OFD_SETLKW));
}

static void set_status_flags(struct file *file, unsigned flags)
{
	uint32_t kept = __atomic_load_n(&file->flags, __ATOMIC_RELAXED) &
			~(uint32_t)FLAGS_CHANGEABLE;

	__atomic_store_n(&file->flags, kept | (flags & FLAGS_CHANGEABLE), __ATOMIC_RELAXED);
}

static long add_seals(struct file *file, unsigned seals)
{
	if (!file->inode)
		return -EINVAL;
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return -EPERM;
	return memfs_add_seals(file->inode, seals);
}

static long control_file(struct file *file, unsigned cmd, long arg)
{
	switch (cmd) {
	case F_GETFL:
		/* Of what open(2) has opened. */
		return (file->flags & ~(uint32_t)O_CLOEXEC) | (file->inode ? O_LARGEFILE : 0);
	case F_SETFL:
		set_status_flags(file, (unsigned)arg);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_record(file, cmd, (uintptr_t)arg);
	case F_SETOWN:
		file->owner = (int)arg;
		return 0;
	case F_GETOWN:
		return file->owner;
	case F_SETSIG:
		return (unsigned long)arg > SIGNAL_MAX ? -EINVAL : 0;
	case F_GETSIG:
		return 0; /* SIGIO */
	case F_GETLEASE:
		return F_UNLCK;
	case F_ADD_SEALS:
		return add_seals(file, (unsigned)arg);
	case F_GET_SEALS:
		return file->inode ? memfs_get_seals(file->inode) : -EINVAL;
	case F_GETPIPE_SZ:
		return pipe_capacity(file);
	case F_SETPIPE_SZ:
		return pipe_set_capacity(file, (uint32_t)arg);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(long fd, long cmd, long arg)
{
	struct fd_table *files = current_files();

	cmd = (int)cmd;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((unsigned)arg >= files->limit)
			return fd_flags(files, (int)fd) < 0 ? -EBADF : -EINVAL;
		return duplicate(fd, (unsigned)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_flags(files, (int)fd);
	case F_SETFD:
		return fd_set_flags(files, (int)fd, arg & FD_CLOEXEC);
	default:
		break;
	}

	struct file *file = fd_file(fd);
	if (!file)
		return -EBADF;
	long result = file->flags & O_PATH && cmd != F_GETFL
			      ? -EBADF
			      : control_file(file, (unsigned)cmd, arg);
	file_put(file);
	return result;
}

/* What is left to read of a regular file. */
static long bytes_left(struct file *file, uintptr_t address)
{
	struct inode_attr attr;
	int err = file_getattr(file, &attr);
	int32_t left = (int32_t)(attr.size > file->position ? attr.size - file->position : 0);

	return err ? err : user_write(address, &left, sizeof(left));
}

/* What ioctl(2) does to a descriptor whatever is behind it; 1: nothing of that kind. */
static long control_descriptor(int fd, struct file *file, unsigned cmd, uintptr_t arg)
{
	int32_t on;

	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return fd_set_flags(current_files(), fd, cmd == FIOCLEX);
	case FIONBIO:
		if (user_read(&on, arg, sizeof(on)))
			return -EFAULT;
		set_status_flags(file, on ? file->flags | O_NONBLOCK
					  : file->flags & ~(uint32_t)O_NONBLOCK);
		return 0;
	case FIOASYNC:
		if (user_read(&on, arg, sizeof(on)))
			return -EFAULT;
		return on ? -ENOTTY : 0;
	case FIONREAD:
		if (!file->inode || (file->inode->mode & S_IFMT) != S_IFREG)
			return 1;
		return bytes_left(file, arg);
	default:
		return 1;
	}
}

long sys_ioctl(long fd, long cmd, long arg)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	long result = file->flags & O_PATH
			      ? -EBADF
			      : control_descriptor((int)fd, file, (unsigned)cmd, (uintptr_t)arg);
	if (result == 1)
		result = restartable(file_ioctl(file, (unsigned)cmd, (uintptr_t)arg));
	file_put(file);
	return result;
}

long sys_flock(long fd, long operation)
{
	struct file *file = fd_file(fd);
	long result;

	if (!file)
		return -EBADF;
	bool wait = !((int)operation & LOCK_NB);
	switch ((int)operation & ~LOCK_NB) {
	case LOCK_SH:
		result = file_flock(file, FILE_LOCK_READ, wait);
		break;
	case LOCK_EX:
		result = file_flock(file, FILE_LOCK_WRITE, wait);
		break;
	case LOCK_UN:
		result = file_flock(file, FILE_LOCK_NONE, false);
		break;
	default:
		result = -EINVAL;
	}
	if (file->flags & O_PATH)
		result = -EBADF;
	file_put(file);
	return restartable(result);
}

static long sync_file(long fd, bool data_only)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = file_sync(file, data_only);
	file_put(file);
	return err;
}

long sys_fsync(long fd)
{
	return sync_file(fd, false);
}

long sys_fdatasync(long fd)
{
	return sync_file(fd, true);
}

long sys_sync_file_range(long fd, long offset, long bytes, long flags)
{
	if (offset < 0 || bytes < 0 || (int)flags & ~7)
		return -EINVAL;
	return sync_file(fd, true);
}

long sys_sync(void)
{
	block_cache_sync_all(); /* file systems are in memory */
	return 0;
}

long sys_syncfs(long fd)
{
	struct file *file = fd_file(fd);

	file_put(file);
	if (!file)
		return -EBADF;
	block_cache_sync_all();
	return 0;
}

/* Advice about a file that is in memory already. */
static long check_regular(long fd, int otherwise)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	bool regular = file->inode && (file->inode->mode & S_IFMT) == S_IFREG;
	file_put(file);
	return regular ? 0 : otherwise;
}

long sys_fadvise64(long fd, long offset, long bytes, long advice)
{
	struct file *file = fd_file(fd);

	(void)offset;
	if (!file)
		return -EBADF;
	advice = (int)advice;
	bool stream = !file->inode || (file->inode->mode & S_IFMT) == S_IFIFO;
	file_put(file);
	if (stream)
		return -ESPIPE;
	return bytes < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

long sys_readahead(long fd, long offset, long bytes)
{
	(void)offset, (void)bytes;
	return check_regular(fd, -EINVAL);
}

int check_file_size(uint64_t size)
{
	if (size <= process_current()->limits[RLIMIT_FSIZE].current)
		return 0;
	signal_post_process(process_current(), SIGXFSZ);
	return -EFBIG;
}

long sys_ftruncate(long fd, long size)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = size < 0 ? -EINVAL : check_file_size((uint64_t)size);
	if (!err)
		err = file_truncate(file, (uint64_t)size);
	file_put(file);
	return err;
}

long sys_fallocate(long fd, long mode, long offset, long bytes)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int err = offset < 0 || bytes <= 0
			  ? -EINVAL
			  : file_fallocate(file, (int)mode, (uint64_t)offset, (uint64_t)bytes);
	file_put(file);
	return err;
}

/* As /proc/self/fd and maps show it. */
static void name_memfd(struct file *file, const char *name)
{
	static const char prefix[] = "/memfd:";
	size_t bytes = sizeof(prefix) + strlen(name);

	file->path = mem_alloc(bytes);
	if (file->path)
		format(file->path, bytes, "%s%s", prefix, name);
}

long sys_memfd_create(long name, long flags)
{
	char text[MFD_NAME_MAX + 1];
	ssize_t length = user_read_string(text, (uintptr_t)name, sizeof(text));
	struct inode *inode;
	struct file *file;

	if (length < 0)
		return length == -ENAMETOOLONG ? -EINVAL : length;
	flags = (int)flags;
	if (flags & ~(long)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	int err = root_create_file(0, &inode);
	if (err)
		return err;
	if (flags & MFD_ALLOW_SEALING)
		memfs_allow_seals(inode);
	err = file_open_inode(inode, O_RDWR | FILE_NO_WRITER, &file);
	inode_put(inode);
	if (err)
		return err;
	name_memfd(file, text);
	int fd = fd_install(current_files(), file, 0, flags & MFD_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
