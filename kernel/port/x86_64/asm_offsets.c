/* SPDX-License-Identifier: BSD-3-Clause */
/* Pins the numbers of asm_defs.h to the structs they stand for. */
#include "asm_defs.h"
#include "cpu.h"

#include <base/assert.h>
#include <core/thread.h>
#include <hal/user.h>

#define PIN(type, member, number) static_assert(offsetof(type, member) == (number), #number)

PIN(struct cpu, user_rsp, CPU_USER_RSP);
PIN(struct cpu, stack_top, CPU_STACK_TOP);
PIN(struct cpu, thread, CPU_THREAD);
static_assert(CPU_THREAD == PORT_CPU_THREAD, "read inline as well");
PIN(struct cpu, smap, CPU_SMAP);
PIN(struct thread, saved_sp, THREAD_SAVED_SP);
PIN(struct thread, stack_top, THREAD_STACK_TOP);
PIN(struct thread, user_work, THREAD_WORK);
PIN(struct thread, port_work, THREAD_WORK + 4);
PIN(struct thread, trace, THREAD_TRACE);
PIN(struct user_regs, r15, REGS_R15);
PIN(struct user_regs, rbp, REGS_RBP);
PIN(struct user_regs, rbx, REGS_RBX);
PIN(struct user_regs, r10, REGS_R10);
PIN(struct user_regs, r9, REGS_R9);
PIN(struct user_regs, r8, REGS_R8);
PIN(struct user_regs, rax, REGS_RAX);
PIN(struct user_regs, rdx, REGS_RDX);
PIN(struct user_regs, rsi, REGS_RSI);
PIN(struct user_regs, rdi, REGS_RDI);
PIN(struct user_regs, orig_rax, REGS_ORIG_RAX);
PIN(struct user_regs, rip, REGS_RIP);
PIN(struct user_regs, cs, REGS_CS);
PIN(struct user_regs, rflags, REGS_RFLAGS);
PIN(struct user_regs, rsp, REGS_RSP);
static_assert(sizeof(struct user_regs) == REGS_BYTES, "REGS_BYTES");
