/* SPDX-License-Identifier: BSD-3-Clause */
/* A program on its way into a space: what exec.c, which finds its files, and exec_space.c, which maps them, share. */
#pragma once

#include "exec.h"
#include "exec_image.h"

struct script;

struct loader {
	struct process *process;
	const struct program *program;
	struct loaded_program *out;
	struct exec_image image, interpreter;
	char *interpreter_path; /* [owned] NULL: a static program */
	struct script *scripts; /* [owned] the innermost first */
	char *const *args;      /* with what scripts add */
	uintptr_t stack_top, vdso;
	bool randomise;
};

/** Says why the program cannot run, if it is the first one; returns `err`. */
int loader_refuse(const struct loader *l, int err, const char *why);

/** Maps everything into the new space l->out->space, and sets the registers to start with. -ENOMEM, -E2BIG, ... */
int must_check loader_fill_space(struct loader *l);
