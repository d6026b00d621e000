/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's disks: files of the host, or block devices; and how much of them it may use. */
#pragma once

#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum disk_format { DISK_UNKNOWN, DISK_RAW, DISK_QCOW2 };

struct disk {
	char *path;
	enum disk_format format;
	bool read_only;
	uint64_t bytes_per_second, operations_per_second; /* 0: no limit */
	dev_t device; /* disks_check(): which file it is; of a block device its own number, and inode 0 */
	ino_t inode;
};

#define DISK_SYNTAX "FILE[,ro][,format=raw|qcow2][,bps=BYTES][,iops=N]"

/** DISK_SYNTAX; false: nothing is left of it as FILE. `d` is to be freed in every case. */
must_check bool disk_read(struct disk *d, const char *word);
void disk_free(struct disk *d);

/** Whether they can be opened as wanted, have whole sectors, and none that is written is there twice; settles the formats. 0 or a
 * negative errno, reported. */
must_check int disks_check(struct disk *disks, size_t count);

/** QEMU's words for the `number`th; `device` is "virtio-blk-device" or "virtio-blk-pci". */
void disk_add_argv(const struct disk *d, struct strings *argv, const char *device, unsigned number);

/** The same for the root image. */
void disk_add_root_argv(struct strings *argv, const char *device, const char *file);
