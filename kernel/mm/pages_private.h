/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of the page allocator; the linker leaves both out of the kernel. */
#pragma once

/** Asserts that every free list is in order and the counts are right. */
void pages_check(void);

/** Back to a machine without RAM. */
void pages_forget(void);
