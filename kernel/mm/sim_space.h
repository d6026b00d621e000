/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of address spaces: a machine of 32 MiB, a file to map, a space, and short forms of what a program does in it. */
#pragma once

#include <mm/space.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TOP ((uintptr_t)0x7f0000000000) /* mmap_top */
#define AT ((uintptr_t)0x10000000)
#define P PAGE_SIZE

enum { R = SPACE_READ, W = SPACE_WRITE, RW = SPACE_READ | SPACE_WRITE, X = SPACE_EXEC };

/* A file: the first half of its pages is borrowed, the second counted and kept by the file. Page i begins with the
 * word 1000 + i. */
enum { OBJECT_PAGES = 16 };

struct sim_file {
	struct vm_object object;
	struct page *memory; /* one block, for the borrowed half */
	struct page *cached[OBJECT_PAGES / 2];
	int refs;
	unsigned asked;
	int fail; /* what page() returns, if not 0 */
};

extern struct sim_file file;
extern struct space *space;
extern uint64_t free_at_start; /* bytes, before the space was made */

/* Before and after each test: a new machine; nothing is lost. */
int fresh(void **state);
int finish(void **state);

uintptr_t map_at(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags);
uintptr_t map(size_t bytes, unsigned prot);
int try_map(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags);
uintptr_t map_file(uintptr_t hint, uint64_t page, size_t bytes, unsigned prot, unsigned flags);

/* What the program would do: through the page tables, with faults resolved. try_peek() and poke() return the fault's error. */
int touch_word(uintptr_t va, enum user_access kind, uint32_t **word);
int poke(uintptr_t va, uint32_t value);
int try_peek(uintptr_t va);
uint32_t peek(uintptr_t va);

/* Number of areas; checked against the space's own. */
unsigned areas(void);
