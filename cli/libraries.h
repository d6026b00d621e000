/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The libraries of dynamic programs, found as the program's own loader will find them, and brought into the root: glibc's
 * (ld.so(8): RPATH, LD_LIBRARY_PATH, RUNPATH, /etc/ld.so.cache, default directories, glibc-hwcaps) or musl's
 * (ldso/dynlink.c). Where the processor decides, all that could be chosen is packed.
 */
#pragma once

#include "root.h"
#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>

struct libraries {
	struct root *root;
	bool verbose;
	bool musl;                     /* the loader of the program that came first */
	struct strings preferred;      /* LD_LIBRARY_PATH's directories */
	const char *preload;           /* LD_PRELOAD; NULL: none */
	struct library *first, **last; /* all, in the order in which they were met */
};

/** `env`: the program's variables, which have to stay while this is used. */
void libraries_init(struct libraries *l, struct root *r, const struct strings *env);
void libraries_fini(struct libraries *l);

/**
 * The program at `path` (absolute, links resolved), which is `who` in messages: its interpreter and all libraries. A static one
 * needs none. 0 or a negative errno, reported: a library that is missing, with who wants it.
 */
must_check int libraries_add_program(struct libraries *l, const char *path, const char *who);

/** The libraries of something that the program may load later; what is missing is left out. */
must_check int libraries_add_module(struct libraries *l, const char *path);

/** A library by its name, as dlopen() would find it from the program; false: there is none. */
bool libraries_add_named(struct libraries *l, const char *name);

/** Gives the root a loader's cache of what was found in the system's directories: it saves the loader a search that
 * costs as much as the rest of its work. Nothing where there is one already. 0 or a negative errno, reported. */
must_check int libraries_add_cache(struct libraries *l);

/** The next one that is packed, programs and modules included, by path; NULL: no more. `from` NULL: the first. */
struct library *libraries_next(const struct libraries *l, struct library *from);
/** As it was found, and the name that it has for those who need it. */
const char *library_path(const struct library *library);
const char *library_name(const struct library *library);
/** Whether it imports or exports a symbol of that name. */
bool library_mentions(const struct library *library, const char *symbol);
/** Whether it has an ELF note of this owner. */
bool library_has_note(const struct library *library, const char *owner);
