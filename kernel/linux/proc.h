/* SPDX-License-Identifier: BSD-3-Clause */
/* What /proc and /sys show: the tables of the files that make it. */
#pragma once

#include <base/compiler.h>
#include <fs/root.h>
#include <linux/process.h>

/** Registers everything, and the process's number. -ENOMEM. */
int must_check proc_register(void);

/* Of one file each: proc_self.c, proc_memory.c, proc_links.c, sysfs.c. */
int must_check proc_register_self(void);
int must_check proc_register_memory(void);
int must_check proc_register_links(void);
int must_check sysfs_register(void);

/** For entries below self/task: the ids of the process's tasks. */
int proc_next_task(int after);

/** The task that an entry below self/task is about, else the process's first one. A reference; NULL: it is gone. */
struct task *must_check proc_task(const struct procfs_buffer *buffer);
