/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of the allocators; the linker leaves these out of the kernel. */
#pragma once

/** Asserts that every free list is in order and the counts are right. */
void pages_check(void);

/** Back to a machine without RAM; mem_alloc() to one without slabs. */
void pages_forget(void);
void mem_forget(void);
