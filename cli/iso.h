/* SPDX-License-Identifier: BSD-3-Clause */
/* Bootable ISO images, made by grub-mkrescue: GRUB for BIOS and for UEFI loads kernel and root image. */
#pragma once

#include "text.h"

#include <base/compiler.h>

struct iso_tools {
	char *mkrescue;
};

/** -ENOENT after a report that says what to install. To be freed in every case. */
must_check int iso_find_tools(struct iso_tools *t);
void iso_free_tools(struct iso_tools *t);

/** Within the directory that becomes the image. */
#define ISO_KERNEL "/boot/capuchin.elf"
#define ISO_ROOT "/boot/root.img"
#define ISO_CONFIG "/boot/grub/grub.cfg"

/**
 * GRUB's configuration, which boots at once with `line` as the kernel's command line, and `root` (ISO_ROOT; NULL: none). -EINVAL, reported,
 * where that has a quote, backslash or control character, which GRUB would not hand on unchanged.
 */
must_check int iso_make_config(struct text *config, const char *line, const char *root);

/** Packs `directory` as the file `output`; GRUB's own temporary files go to `tmpdir`. */
must_check int iso_pack(const struct iso_tools *t, const char *directory, const char *output,
			const char *tmpdir);
