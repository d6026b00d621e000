/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernel stacks: STACK_BYTES in the kernel's mapped area, with an unmapped page below. Thread context. */
#pragma once

#include <base/types.h>

#define STACK_BYTES ((size_t)16384)

/** The lowest address of a new stack; NULL: no memory. */
void *stack_create(void);
void stack_destroy(void *base);
