/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the assembly of the entries and the first C. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** In RAX and RDX (System V psABI 3.2.3). */
struct early_place {
	uintptr_t go_on, stack_top;
};

/** `protocol` is PROTOCOL_*, `info` what it hands over, `tsc` the cycle counter at the entry. */
struct early_place early_main(unsigned protocol, uint64_t info, uint64_t tsc)
	__attribute__((no_stack_protector));
_Noreturn void early_high(void);

extern char boot_stack_guard[], boot_stack[], boot_stack_top[];
extern uint64_t early_pdpt[], early_pd[];
