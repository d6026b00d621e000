/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree a program starts in: the EROFS image from the boot, read in place, below a writable layer in memory; devfs on /dev, and /proc
 * and /sys made up. Also what other parts add to it.
 */
#pragma once

#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>

/** Mounts everything. `image` is mapped read-only memory that stays for ever (`bytes` 0: an empty root).
 * -EUCLEAN a corrupt image, -EOPNOTSUPP a feature we lack (the reason is logged). Thread context, once. */
int must_check root_mount(const void *image, uint64_t bytes);

/** The same of an image on a disk or partition; also -EIO. */
struct block_dev;
int must_check root_mount_disk(struct block_dev *dev);

/** Drops everything, /proc's tables included, once nothing of it is in use. For tests. */
void root_unmount(void);

/** The root directory (borrowed). */
struct inode *root_directory(void);

/** The console as an open file, for descriptors 0 to 2; -errno. */
int must_check root_open_console(unsigned flags, struct file **out);

/** An unlinked file in memory of `bytes` zeros: shared anonymous memory, memfd_create. It may be linked nowhere. -ENOMEM. */
int must_check root_create_file(uint64_t bytes, struct inode **out);

/** Gives one of the files of /etc that the kernel supplies where the image has none (passwd, group, hosts, resolv.conf,
 * nsswitch.conf) another text: `path` is "/etc/resolv.conf". The text is copied. What the image has stays as it is. Costs
 * nothing until a program looks for it; if one has, the file gets the new text. -EINVAL: not such a file; -ENOMEM. */
int must_check root_supply_file(const char *path, const char *text, size_t bytes);

/* procfs: entries under /proc, made by whoever knows their content. `show` writes the text by procfs_print() each time it is opened. */
struct procfs_buffer;
struct procfs_entry {
	/* Below /proc: "meminfo", "self/maps". A component "*" stands for numbers, of which there are those that `next` gives. The
	 * tables are static. */
	const char *path;
	int (*show)(struct procfs_buffer *buffer);
	ssize_t (*readlink)(char *buffer, size_t size); /* a symbolic link instead */
	int (*write)(struct procfs_buffer *buffer, const char *text,
		     size_t bytes); /* NULL: read only */
	int (*next)(int after);     /* with a "*": the least number above, from -1; -1: no more */
	/* a directory with entries made on demand ("self/fd"): */
	int (*list)(uint64_t cookie, struct dir_sink *sink);
	int (*lookup)(const char *name, size_t length,
		      struct inode **out); /* the real inode behind */
	ssize_t (*readlink_child)(const char *name, size_t length, char *buffer, size_t size);
};

/*
 * `lookup` and `readlink` in one entry make a magic link ("self/exe"): readlink() gives the text, and following it the inode
 * that lookup(its own name) returns. The children of a `list` directory are such links, by `lookup` and `readlink_child`, and
 * exist while the latter returns no error. `cookie` of `list` is 0 at first. Callbacks run under procfs's lock, and so
 * must not walk paths. /proc/self is a link to the number given here once it is given, a directory before.
 */
void procfs_set_pid(const char *pid);

/** Registers a static table that lives for ever; before or after root_mount(). -ENOMEM. */
int must_check procfs_add(const struct procfs_entry *entries, unsigned count);

/** The same for /sys, which has no "self". */
int must_check sysfs_add(const struct procfs_entry *entries, unsigned count);

/** In show() and write(): the number in place of the path's "*"; -1: it has none. */
int procfs_number(const struct procfs_buffer *buffer);

/** Appends text; -ENOMEM. */
int procfs_print(struct procfs_buffer *buffer, const char *fmt, ...) printf_like(2, 3);
