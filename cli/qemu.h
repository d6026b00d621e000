/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU: which accelerator, what command line. */
#pragma once

#include "options.h"
#include "text.h"

#include <base/compiler.h>

/** Makes ACCEL_AUTO one of the others; reports where KVM is demanded and cannot be had: -ENODEV. */
must_check int qemu_choose_accel(enum accel *accel);

/** The path of the QEMU for the accelerator (chosen before) and machine, to be freed; NULL after a report that says
 * what to install. */
char *qemu_find(const struct options *o);

struct qemu_setup {
	const char *path, *kernel, *line;
	const struct options *options; /* with the accelerator chosen */
	int image_fd;                  /* the root image; -1: none */
	int gate_fd;                   /* a pipe: QEMU reads the image after this ends */
};

/** The words of QEMU's command line; its serial port is its standard input and output. */
void qemu_make_argv(struct strings *argv, const struct qemu_setup *setup);

/** 0, or -E2BIG after a report: the kernel's command line is longer than QEMU can hand over. */
must_check int qemu_check_line(const struct qemu_setup *setup);

/** One line for -v: VMM, version, accelerator, machine, memory. */
void qemu_describe(const struct qemu_setup *setup);
