/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading a program into a space of its own. Thread context. */
#pragma once

#include <base/compiler.h>
#include <hal/user.h>
#include <linux/process.h>
#include <mm/vm_object.h>

struct program {
	const char *path;
	char *const *args, *const *env; /* NULL-terminated */
};

/** Opens, checks and maps the program into a new space, which becomes the process's, and sets `regs` to its start. An
 * error is logged, in words for whoever gave the program, and leaves the process without a space. */
int must_check program_load(struct process *process, const struct program *program,
			    struct user_regs *regs);

/* The vDSO: one page that the clocks are read from, and behind it the image of a shared object. */
enum { VDSO_TIME_PAGES = 1 };

/** Its object: page 0 is the time page, the image follows. It lives for ever. */
struct vm_object *vdso_object(void);
size_t vdso_image_bytes(void);
