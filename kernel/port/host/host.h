/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a host test can do to the simulated machine: make allocations fail, look for leaks, set the clock.
 * Single-threaded; state is the process's. The functions of the kernel that have a stand-in here (locks,
 * log, clock, random) are weak, so that a test which links the real ones gets those.
 */
#pragma once

#include <base/log.h>
#include <base/types.h>
#include <hal/memory.h>

/* memory.c: stand-ins for mm/pages.h, mm/alloc.h and mm/stack.h over malloc; ASan sees each block. */

#define HOST_NEVER UINT32_MAX

/** `n` more allocations succeed, the one after them fails, once. HOST_NEVER: none fails. With the real mm (tests in
 * kernel/mm) it is the frames of the simulated machine's page tables that are counted. */
void host_fail_allocation_after(uint32_t n);

/** Whether the failure asked for has happened: a loop over n ends when it has not. */
bool host_allocation_failed(void);

/** For allocators of simulated parts: true where this allocation has to fail. */
bool host_allocation_must_fail(void);

/** Blocks that the stand-ins have handed out and not got back; two calls for simulated parts that hand out some. */
size_t host_allocations(void);
void host_allocation_made(void);
void host_allocation_freed(void);

/** Has somebody give memory back, as when there is none left. Whether somebody did. */
bool host_reclaim(void);

/* base.c */

/** The virtual clock: time_now() returns exactly this; cpu_cycles() too. Starts at one second. */
void host_set_time(uint64_t now_ns);
void host_advance_time(uint64_t ns);

/** Messages above this level are not printed; LOG_ERROR at first (environment: HOST_LOG=7). */
void host_set_log_level(int level);

/** Messages logged so far at this level. */
unsigned host_logged(enum log_level level);

/** Restarts the deterministic random bytes. */
void host_seed_random(uint64_t seed);

/* host_mmu.c: user page tables as a sorted table per space; checked on every change. */

/** Pages mapped in all trees together, of which counted (not MMU_BORROWED). */
size_t host_mmu_pages(void);
size_t host_mmu_counted_pages(void);

/* machine.c: the kernel's half. At first physical addresses are host pointers and everything is mapped; tests of the
 * real kernel/mm make it a machine whose RAM is a sparse file, mapped where mmu_map_direct() says. */

#define HOST_RAM_BYTES ((uint64_t)1 << 40)

/** From now on a machine without memory mapped, and 16 early frames for page tables. Forgets everything mapped before. */
void host_machine_reset(void);

/** Instead, from the start of a test: pages that malloc gives are at physical addresses below 2^44, as old devices want it. */
void host_machine_set_low(void);

/** What fresh frames of the page array are filled with, 16 bytes; 0xa5 at first. */
void host_machine_set_garbage(const uint8_t pattern[16]);

/** Bytes of the direct map, and pages of the kernel's half, mapped since the reset. */
uint64_t host_direct_bytes(void);
size_t host_kernel_pages(void);

/** For simulated page tables: a frame, from whoever gives frames on this machine. -ENOMEM. */
int must_check host_table_get(phys_t *frame);
void host_table_put(phys_t frame);
