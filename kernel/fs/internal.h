/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of fs/ share among themselves. */
#pragma once

#include <fs/file.h>
#include <fs/memfs.h>
#include <fs/pipe.h>

struct block_dev;

extern const struct file_ops dir_file_ops; /* dir.c: of every directory */

/** Opens a character device by its number. -ENXIO: there is none. */
int must_check device_open(struct inode *inode, struct file *file);

/** The same of a block device. -EROFS: it is to be written and cannot be. */
int must_check block_device_open(struct inode *inode, struct file *file);

/** Numbers of disks and their partitions. Linux gives virtio's major on demand; this is the usual one. */
enum { MAJOR_VIRTBLK = 254, BLOCK_MINORS = 256 };
uint64_t block_device_number(const struct block_dev *dev);

/** Linux gives /dev/vsock a minor on demand; this one it leaves free. */
enum { MAJOR_MISC = 10, MINOR_VSOCK = 121 };

/** Device numbers as struct inode_attr has them. */
#define DEVICE(major, minor) ((uint64_t)(major) << 32 | (minor))

/** The terminal's file operations (dev_tty.c); -ENXIO where there is none. */
int must_check tty_device_open(struct inode *inode, struct file *file);

extern const struct file_ops vsock_device_ops; /* dev_vsock.c */

/** The lower trees: an image in memory or on a disk (lower_erofs.c; reasons for failure are logged), the table of /dev (devfs.c). */
int must_check lower_erofs_create(const void *image, uint64_t bytes, const struct lower **out);
int must_check lower_erofs_create_disk(struct block_dev *dev, const struct lower **out);
void lower_erofs_destroy(const struct lower *lower);
extern const struct lower devfs_lower;

/** Bytes that files may still take: the last eighth of memory is for the program and the kernel, so that who fills /tmp gets
 * -ENOSPC rather than being killed at the next page it touches. */
uint64_t memfs_room(void);

/** The file systems on /proc and /sys, the same at each call. */
int must_check procfs_filesystem(struct filesystem **out);
int must_check sysfs_filesystem(struct filesystem **out);
