/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual machine monitors: which there are, which one is taken, and what each of them is given. One file for each implements
 * `struct vmm`; the machine's serial port is the VMM's standard input and output with all of them.
 */
#pragma once

#include "options.h"
#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>

/* Stands for the words about the accelerator where it is ACCEL_AUTO: a directory's script chooses them when it runs. */
#define VMM_SCRIPT_ACCEL "$accel"

/* What a VMM is given. */
struct vmm_setup {
	const struct options *options; /* with VMM and accelerator chosen */
	const char *path;              /* the VMM's own file */
	const char *kernel, *line;     /* the kernel's file and its command line */
	const char *rom;               /* the boot ROM's file; NULL: the VMM's own */
	const char *image;             /* the root image's file; NULL: none */
	const char *gate;              /* QEMU: a pipe; it reads the image after this ends */
	const char *config;            /* the file with what make_config() wrote */
	const char *vsock;             /* QEMU: the socket of --vsock's other program */
	unsigned version;              /* as of vmm_read_version(); 0: not known */
	int console_in, console_out;   /* run_library() */
};

struct vmm {
	const char *name;    /* in messages */
	const char *command; /* the name of its file */
	enum vmm_kind kind;
	bool needs_kvm;
	bool waits_at_gate;  /* started while the image is being written */
	bool wants_terminal; /* else it does not read its standard input */
	/* It does not wait where its standard output takes no more, unless it is made to. */
	bool loses_output;

	/** Settings of glibc for its process, as GLIBC_TUNABLES has them; NULL: none. */
	const char *tunables;
	/** Whether the boot ROM is for the machine that it makes; NULL: never. */
	bool (*takes_rom)(const struct options *o);

	/** What of the options it cannot do, for "needs ...: firecracker has no ..."; NULL: it can do all. */
	const char *(*lacks)(const struct options *o);
	/** Its file, to be freed; NULL: it is not installed. */
	char *(*find)(const struct options *o);
	/** Whether it may be too old for the options, or is told other things then: to ask it takes time. NULL: never. */
	bool (*version_matters)(const struct options *o);
	/** How to get it, in a few words. */
	const char *source;
	/** 0 or a negative errno, reported: what can be known to be wrong before it starts. NULL: nothing. */
	int (*check)(const struct vmm_setup *setup);
	/** The words of its command line, the first one its path. NULL: it is a library. */
	void (*make_argv)(struct strings *argv, const struct vmm_setup *setup);
	/** Its configuration file; NULL: it has none. */
	void (*make_config)(struct text *config, const struct vmm_setup *setup);
	/** In a process of its own: becomes the machine; returns an exit status where that fails. */
	int (*run_library)(const struct vmm_setup *setup);
	/** What is particular of the machine, for -v: "machine q35". */
	const char *(*describe)(const struct options *o);
	/** A program in C that starts the machine, where make_argv() is NULL. */
	void (*make_source)(struct text *source, const struct vmm_setup *setup);
};

extern const struct vmm vmm_qemu, vmm_firecracker, vmm_cloud_hypervisor, vmm_libkrun;

/** The one that is called so (not VMM_AUTO). */
const struct vmm *vmm_get(enum vmm_kind kind);

/** 0, or -ENOTSUP after a report: the VMM cannot do what is asked. */
must_check int vmm_check_options(const struct vmm *vmm, const struct options *o);

/**
 * Takes the VMM of the options, and makes VMM_AUTO and ACCEL_AUTO one of the others. On success *vmm can do what is asked, and
 * *path, to be freed, is its file; -v says why it was taken. A negative errno, reported, else.
 */
must_check int vmm_choose(struct options *o, const struct vmm **vmm, char **path);

/** MAJOR * 1000 + MINOR of what the VMM says at --version, and the whole line; 0 where it says none. */
unsigned vmm_read_version(const char *path, const char *name, char *line, size_t room);

/** Lines for -v: VMM, version, accelerator, boot protocol, memory, kernel. */
void vmm_describe(const struct vmm *vmm, const struct vmm_setup *setup);

/** Says that a program may not run, where a VMM that needs KVM has one that emulates the processor. For when the VMM is started. */
void vmm_warn(const struct vmm *vmm, const struct options *o);

/** 0, or -E2BIG after a report: the kernel's command line is longer than `who` can hand over. */
must_check int vmm_check_line(const struct vmm_setup *setup, const char *who, size_t bytes_max);
