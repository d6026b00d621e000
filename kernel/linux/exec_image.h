/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An ELF file on its way into a space: a program, or the interpreter of one. Life cycle: set `file`, exec_image_read(), map, then
 * exec_image_fini(), which keeps nothing but what was mapped. Thread context.
 */
#pragma once

#include <base/compiler.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/elf.h>
#include <mm/space.h>

struct exec_image {
	struct file *file;        /* [reference] */
	struct vm_object *object; /* [reference] */
	struct elf_header header;
	struct elf_image elf;
	struct elf_phdr *table; /* [owned] */
	uintptr_t bias;         /* address in memory - address in the file */
};

/** Opens what is to be run, `base` and `flags` (of enum path_flags, PATH_NOFOLLOW) as for path_lookup(). `*why` becomes a phrase:
 * "is not in the image". -EACCES: no regular file, or not executable. */
int must_check exec_open(const struct path_context *paths, struct inode *base, const char *path,
			 unsigned flags, struct file **out, const char **why);

/** Whether an open file may be run at all: regular, with an x bit. */
int must_check exec_check_file(struct file *file, const char **why);

/** Copies exactly `bytes` from a file; -EIO: it is shorter. */
int must_check exec_read(struct file *file, uint64_t offset, void *dst, size_t bytes);

/** Reads and checks the headers. -ENOEXEC, -EIO, -ENOMEM, -ENODEV. */
int must_check exec_image_read(struct exec_image *image, const char **why);

/** Maps the segments at `bias` from where they are linked. What cannot be had any more is -ENOMEM. */
int must_check exec_image_map(const struct exec_image *image, struct space *space);

/** The same at a place that the space chooses, if the file is position independent. Sets `bias`. */
int must_check exec_image_map_anywhere(struct exec_image *image, struct space *space);

void exec_image_fini(struct exec_image *image);
