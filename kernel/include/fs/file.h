/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files and descriptor tables. A `struct file` is Linux's open file description: shared by dup and fork, counted. A descriptor table
 * grows on demand up to RLIMIT_NOFILE, and may be shared by threads or copied.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/lock.h>
#include <core/thread.h>
#include <fs/inode.h>
#include <fs/uio.h>

/* Open flags, numbers of x86-64 Linux */
enum {
	O_ACCMODE = 03,
	O_RDONLY = 0,
	O_WRONLY = 01,
	O_RDWR = 02,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_NOCTTY = 0400,
	O_TRUNC = 01000,
	O_APPEND = 02000,
	O_NONBLOCK = 04000,
	O_DSYNC = 010000,
	O_ASYNC = 020000,
	O_DIRECT = 040000,
	O_LARGEFILE = 0100000,
	O_DIRECTORY = 0200000,
	O_NOFOLLOW = 0400000,
	O_NOATIME = 01000000,
	O_CLOEXEC = 02000000,
	O_SYNC = 04010000,
	O_PATH = 010000000,
	O_TMPFILE = 020200000,
};

/* poll(2) events */
enum {
	POLLIN = 1,
	POLLPRI = 2,
	POLLOUT = 4,
	POLLERR = 8,
	POLLHUP = 16,
	POLLNVAL = 32,
	POLLRDNORM = 64,
	POLLWRNORM = 256,
	POLLRDHUP = 0x2000
};

struct file;

struct file_ops {
	const char *name; /* of what has no inode, in /proc/self/fd: "[eventfd]"; may be NULL */
	/* `*position` is the file's own or a pread's; a stream ignores it. Count, or -errno. NULL: -EINVAL. */
	ssize_t (*read)(struct file *file, struct uio *uio, uint64_t *position);
	ssize_t (*write)(struct file *file, struct uio *uio, uint64_t *position);
	int64_t (*seek)(struct file *file, int64_t offset, int whence); /* NULL: -ESPIPE */
	int (*iterate)(struct file *file, struct dir_sink *sink); /* getdents; NULL: -ENOTDIR */
	long (*ioctl)(struct file *file, unsigned cmd, uintptr_t arg); /* NULL: -ENOTTY */
	/* Ready events; *queue is what to wait on for a change (NULL: never changes), as long as the file lives. Who brings
	 * a change about calls waitq_wake_events() on that queue with the events that are new. NULL: always ready, and
	 * cannot be watched by epoll. */
	unsigned (*poll)(struct file *file, struct waitq **queue);
	/* What to map; *out NULL: anonymous memory. Returns a reference. NULL: inode->pages, else -ENODEV. */
	int (*map)(struct file *file, unsigned prot, unsigned area_flags, struct vm_object **out);
	int (*getattr)(struct file *file, struct inode_attr *out); /* NULL: the inode's */
	int (*truncate)(struct file *file, uint64_t size);         /* NULL: the inode's setattr */
	int (*sync)(struct file *file, bool data_only);            /* NULL: nothing to do */
	int (*fallocate)(struct file *file, int mode, uint64_t offset, uint64_t bytes);
	void (*release)(struct file *file); /* the last reference is gone */
};

struct file {
	const struct file_ops *ops;
	struct inode *inode; /* [reference]; NULL: has none (eventfd, ...) */
	void *private;
	uint32_t refs; /* atomic */
	uint32_t
		flags; /* O_* without creation flags; F_SETFL changes APPEND, NONBLOCK, DIRECT, ASYNC, NOATIME */
	struct mutex position_lock;
	uint64_t position; /* [position_lock] */
	char *path;        /* absolute, as opened ("/proc/self/fd", maps); owned; may be NULL */
	int owner;         /* F_SETOWN */
	/* Who must know when the file goes (epoll): `unwatch` is called before it is released. */
	struct list_node watches;           /* [theirs] */
	void (*unwatch)(struct file *file); /* atomic; NULL: there never was any */
	bool writes;                        /* counted in inode->writers */
	bool denies_write;                  /* counted there as well */
};

/* Of file_open_inode() only: the file does not count as a writer, so that what it writes may be run meanwhile (memfd_create(2)). */
#define FILE_NO_WRITER (1u << 31)

/** A file over `inode` (takes a reference) with ops from it; -errno. */
int must_check file_open_inode(struct inode *inode, unsigned flags, struct file **out);

/** A file without an inode (pipes, eventfd): NULL: no memory. */
struct file *file_create(const struct file_ops *ops, unsigned flags, void *private);

/** Whether it is open for that. */
static inline bool file_may_read(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY && !(file->flags & O_PATH);
}

static inline bool file_may_write(const struct file *file)
{
	unsigned mode = file->flags & O_ACCMODE;

	return (mode == O_WRONLY || mode == O_RDWR) && !(file->flags & O_PATH);
}

struct file *file_get(struct file *file);
void file_put(struct file *file); /* NULL allowed */

/** As long as this file is open, nobody can open or truncate what it leads to for writing (-ETXTBSY), as of a program that
 * runs. -ETXTBSY: somebody has. Any number of times. */
int must_check file_deny_write(struct file *file);

/** Read and write with mode checks (-EBADF), O_APPEND and the position. */
ssize_t must_check file_read(struct file *file, struct uio *uio);
ssize_t must_check file_write(struct file *file, struct uio *uio);
ssize_t must_check file_read_at(struct file *file, struct uio *uio, uint64_t position);
ssize_t must_check file_write_at(struct file *file, struct uio *uio, uint64_t position);
int must_check file_getattr(struct file *file, struct inode_attr *out);

/* The other operations, with the checks and errors of the system calls of these names. */
int64_t must_check file_seek(struct file *file, int64_t offset, int whence);
int must_check file_iterate(struct file *file,
			    struct dir_sink *sink); /* getdents; moves the position */
long must_check file_ioctl(struct file *file, unsigned cmd, uintptr_t arg);
unsigned file_poll(struct file *file, struct waitq **queue);
int must_check file_truncate(struct file *file, uint64_t size);
int must_check file_fallocate(struct file *file, int mode, uint64_t offset, uint64_t bytes);
int must_check file_sync(struct file *file, bool data_only);

/** What mmap of this file maps: a reference to an object, or NULL for anonymous memory; -EACCES, -ENODEV, -EBADF (O_PATH).
 * `prot` and `area_flags` as in <mm/space.h>. */
int must_check file_map(struct file *file, unsigned prot, unsigned area_flags,
			struct vm_object **out);

enum { FILE_SEEK_SET, FILE_SEEK_CUR, FILE_SEEK_END, FILE_SEEK_DATA, FILE_SEEK_HOLE };
enum { FALLOCATE_KEEP_SIZE = 1, FALLOCATE_PUNCH_HOLE = 2, FALLOCATE_ZERO_RANGE = 16 };

/* Descriptors */

struct fd_entry {
	struct file *file;
	bool close_on_exec;
};

struct fd_table {
	struct mutex lock;
	uint32_t refs;            /* atomic */
	struct fd_entry *entries; /* [lock] */
	unsigned size;            /* [lock] */
	unsigned lowest_free;     /* [lock] no free one below */
	unsigned limit;           /* RLIMIT_NOFILE */
};

struct fd_table *fd_table_create(unsigned limit);
struct fd_table *fd_table_copy(struct fd_table *table);
void fd_table_put(struct fd_table *table);

/** The file behind a descriptor, with a reference; NULL: none (EBADF). */
struct file *fd_get(struct fd_table *table, int fd);

/** Puts a file (takes over the caller's reference on success) at the lowest free descriptor >= `from`. -EMFILE, -ENOMEM. */
int must_check fd_install(struct fd_table *table, struct file *file, unsigned from,
			  bool close_on_exec);

/** At exactly `fd`, closing what was there. -EBADF past the limit. */
int must_check fd_install_at(struct fd_table *table, int fd, struct file *file, bool close_on_exec);
int must_check fd_close(struct fd_table *table, int fd);
int must_check fd_flags(struct fd_table *table, int fd); /* 1: close on exec */
int must_check fd_set_flags(struct fd_table *table, int fd, bool close_on_exec);
void fd_close_on_exec(struct fd_table *table);

/** The lowest open descriptor >= `from`; -1: none (/proc/self/fd, close_range). */
int fd_next(struct fd_table *table, unsigned from);
