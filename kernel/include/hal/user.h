/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The boundary to user mode: the registers of a thread that entered the kernel from there, copying
 * from and to its memory, its floating-point state, and the calls into whoever implements the
 * program's system (kernel/linux).
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** A user thread's registers, at the top of its kernel stack while it is in the kernel; the order
 * is that of Linux's struct pt_regs (asm/ptrace.h). `orig_rax` is the system call's number; -1 for
 * an interrupt or fault. */
struct user_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax;
	uint64_t rip, cs, rflags, rsp, ss;
};

/** Of the current thread. After changing rip, rsp, rflags or a register that SYSRET does not
 * restore, call user_regs_changed(), so that all of them are restored on return. Segment selectors
 * and the privileged flags are forced to safe values on the way out. */
struct user_regs *user_regs(void);
void user_regs_changed(void);

/* Copying. User addresses are any 64-bit values. A fault is resolved by the space, as the program's
 * own would be. -EFAULT otherwise, and then a part may have been copied. Thread context, no
 * spinlock held. */
int must_check user_read(void *dst, uintptr_t src, size_t bytes);
int must_check user_write(uintptr_t dst, const void *src, size_t bytes);
int must_check user_zero(uintptr_t dst, size_t bytes);

/** Copies a string with its NUL; returns its length without it. -ENAMETOOLONG: no NUL in `size`
 * bytes. */
ssize_t must_check user_read_string(char *dst, uintptr_t src, size_t size);

/** Aligned 32-bit words in one access, shared with threads that run. The second stores `value` if the word is *expected, and
 * in *expected what it was. With interrupts off, so also under a spinlock, a fault is not resolved
 * but gives -EFAULT: user_page_fault() without the lock, then again. Any context. */
int must_check user_read_word(uintptr_t address, uint32_t *value);
int must_check user_compare_swap(uintptr_t address, uint32_t *expected, uint32_t value);

/** What a thread keeps in user mode besides the registers above. One per thread that enters user
 * mode. */
struct user_context {
	uint64_t fs_base, gs_base;
	void *fpu;  /* [owned] fpu_state_bytes() bytes, 64-byte aligned; valid while the thread is
		       switched out */
	bool saved; /* `fpu` holds a state; a thread begins without one (fpu_reset()), or with one
		       given to it */
};

/** Size of the saved state: XSAVE's for all features enabled in XCR0, else FXSAVE's 512. */
size_t fpu_state_bytes(void);

/** The state at a program's start (SysV psABI 3.4.1: x87 control word 0x37f, MXCSR 0x1f80). Into
 * the CPU. */
void fpu_reset(void);

/** Stores the CPU's state to, or loads it from, an area of fpu_state_bytes() in the format of XSAVE
 * (standard form) or FXSAVE, 64-byte aligned kernel memory. fpu_load() of an area that the CPU
 * refuses (from a program's signal frame) returns -EINVAL and leaves the reset state. */
void fpu_store(void *area);
int must_check fpu_load(const void *area);

/** XCR0 features enabled for programs; 0 without XSAVE. */
uint64_t fpu_features(void);

/** FS and GS base of the running thread, in the CPU. `base` must be below USER_MAX + PAGE_SIZE
 * (checked by the caller). */
void user_set_fs_base(uint64_t base);
void user_set_gs_base(uint64_t base);
uint64_t user_fs_base(void);
uint64_t user_gs_base(void);

/** Leaves the kernel to user mode with these registers; the kernel stack is emptied. Never returns.
 */
_Noreturn void user_enter(const struct user_regs *regs);

/** A fault that the program caused. `trap` is the CPU's vector. */
struct user_fault {
	unsigned trap; /* 0 #DE, 1 #DB, 3 #BP, 4 #OF, 6 #UD, 13 #GP, 14 #PF, 16 #MF, 17 #AC, 19 #XM,
			  ... */
	uint64_t error_code; /* as the CPU pushed it; 0 where it pushes none */
	uintptr_t address;   /* #PF: CR2; else rip */
};

enum user_access { USER_ACCESS_READ, USER_ACCESS_WRITE, USER_ACCESS_EXEC };

/*
 * Implemented by kernel/linux; called by the port.
 */

/** A system call: `syscall_table[nr](arg0..arg5)`, result to rax. Numbers at or past
 * `syscall_count` go to syscall_unknown(). Interrupts are on. */
typedef long syscall_fn(long, long, long, long, long, long);
extern syscall_fn *const syscall_table[];
extern const unsigned syscall_count;
long syscall_unknown(struct user_regs *regs);

/** Called instead of the table when thread.trace is set: does the call with whatever goes around
 * it. */
long syscall_traced(struct user_regs *regs);

/** A page fault at a user address, by the program or by user_read() and friends. 0: resolved, try
 * again; a negative errno: not to be had. Interrupts are on. */
int must_check user_page_fault(uintptr_t address, enum user_access access);

/** A fault in user mode that was not resolved. Interrupts are on. */
void user_fault(const struct user_fault *fault);

/** On the way back to user mode with thread.user_work set: deliver signals, end the thread, ...
 * Called with interrupts on; clears thread.user_work itself first. */
void user_work(struct user_regs *regs);
