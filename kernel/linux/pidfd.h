/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors for a process, told by other calls that take one. */
#pragma once

#include <fs/file.h>
#include <linux/process.h>

/** The process that a file of pidfd_open(2) stands for; NULL: it is none. */
struct process *pidfd_process(const struct file *file);
