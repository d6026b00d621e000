/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program finds on its stack when it starts (System V ABI, AMD64 supplement 3.4; the layout of the strings is
 * Linux's, binfmt_elf.c create_elf_tables()), made in kernel memory and copied at once. Pure: usable on the host.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

enum {
	AT_NULL,
	AT_IGNORE,
	AT_EXECFD,
	AT_PHDR,
	AT_PHENT,
	AT_PHNUM,
	AT_PAGESZ,
	AT_BASE,
	AT_FLAGS,
	AT_ENTRY,
	AT_NOTELF,
	AT_UID,
	AT_EUID,
	AT_GID,
	AT_EGID,
	AT_PLATFORM,
	AT_HWCAP,
	AT_CLKTCK,
	AT_SECURE = 23,
	AT_BASE_PLATFORM,
	AT_RANDOM,
	AT_HWCAP2,
	AT_RSEQ_FEATURE_SIZE,
	AT_RSEQ_ALIGN,
	AT_EXECFN = 31,
	AT_SYSINFO_EHDR = 33,
	AT_MINSIGSTKSZ = 51,
};

struct auxv_entry {
	uint64_t type, value;
};

struct program_stack {
	/* Given */
	char *const *args, *const *env; /* NULL-terminated */
	const char *path;               /* AT_EXECFN */
	const char *platform;
	uint8_t random[16];
	const struct auxv_entry
		*auxv; /* without RANDOM, EXECFN, PLATFORM and NULL, which are added */
	unsigned auxv_count;
	uintptr_t top;      /* the stack's end, page aligned */
	size_t slack_bytes; /* random distance between the strings and what is below them */
	/* Measured by program_stack_measure() */
	size_t bytes;      /* from the stack pointer to top */
	uintptr_t pointer; /* the program's first rsp: 16-byte aligned, argc is there */
	uintptr_t args_start, args_end, env_start, env_end, auxv_start, auxv_end;
	/* private */
	size_t arg_count, env_count;
	uintptr_t path_at, platform_at, random_at;
};

/** Fills the measured fields. -E2BIG: more than `limit` bytes, or a string above 128 KiB (execve(2)). */
int must_check program_stack_measure(struct program_stack *stack, size_t limit);

/** Writes all of it to `image`, stack->bytes long, which is to appear at stack->pointer. */
void program_stack_fill(const struct program_stack *stack, void *image);
