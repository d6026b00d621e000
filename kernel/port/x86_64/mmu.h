/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the port needs of the page tables beyond <hal/memory.h>. Bits: Intel SDM vol.
 * 3, 4.5. */
#pragma once

#include <base/bits.h>
#include <hal/memory.h>

#define PTE_PRESENT BIT64(0)
#define PTE_WRITE BIT64(1)
#define PTE_USER BIT64(2)
#define PTE_WRITE_THROUGH BIT64(3)
#define PTE_UNCACHED BIT64(4)
#define PTE_ACCESSED BIT64(5)
#define PTE_DIRTY BIT64(6)
#define PTE_LARGE BIT64(7)
#define PTE_GLOBAL BIT64(8)
#define PTE_BORROWED BIT64(9) /* free for software */
#define PTE_NONE BIT64(10)    /* free for software: not present, but the frame is kept */
#define PTE_COUNT \
	BIT64(52) /* of a table's entry: how many entries the table below holds, 10 bits */
#define PTE_NO_EXEC BIT64(63)
#define PTE_FRAME 0x000ffffffffff000

extern uint64_t kernel_pml4[];

/** Turns on what page tables need of the CPU: NX, global pages, where it has them. Identity mapped.
 */
void mmu_start(void);
void mmu_flush_all(void);
