/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading a program into a space of its own, and putting it in a process's place. Thread context. */
#pragma once

#include <base/compiler.h>
#include <hal/user.h>
#include <linux/process.h>
#include <mm/vm_object.h>

struct program {
	const char *path;  /* as it was asked for: AT_EXECFN, and a script's argument */
	struct file *file; /* what it leads to, by exec_open() */
	char *const *args, *const *env; /* NULL-terminated */
	bool at_start;    /* what is wrong is said in words for whoever gave the program */
	bool path_closes; /* `path` leads through a descriptor that this execve closes */
};

/** A program that is ready to run. The space and the file are its owner's. */
struct loaded_program {
	struct space *space;
	struct file *exe; /* may not be written while it is here */
	struct program_layout layout;
	struct user_regs regs;
	struct credentials credentials; /* but for the groups */
};

/** Checks and maps a program, or the interpreter of the script that it is, into a new space. Nothing of the process changes.
 * Errors are those of execve(2); of the first program they are logged, and so is an interpreter that is missing. */
int must_check program_load(struct process *process, const struct program *program,
			    struct loaded_program *out);

/** Makes a process that has no space yet run what was loaded; takes it over. */
void program_install(struct task *task, const char *path, const struct loaded_program *loaded);

/** What running `file` makes of who the process is (capabilities(7), "Transformation of capabilities during execve()"). */
void exec_credentials(struct credentials *credentials, struct file *file);

/* The vDSO: one page that the clocks are read from, and behind it the image of a shared object. */
enum { VDSO_TIME_PAGES = 1 };

/** Its object: page 0 is the time page, the image follows. It lives for ever. */
struct vm_object *vdso_object(void);
size_t vdso_image_bytes(void);
