/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries from user mode and from interrupts, the ways back, the switch between threads, and copying from and to user memory. Frames are struct
 * user_regs of <hal/user.h>; a fault's or interrupt's vector and error code lie where `orig_rax` and below are until they
 * are handed over.
 */
#include "asm_defs.h"

	.section .text, "ax", @progbits

/* One stub per vector, 16 bytes each: an error code where the CPU gives none, then the vector. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept VECTOR_COUNT
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.else
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp paranoid_entry
	.else
	jmp trap_entry
	.endif
	.set vector, vector + 1
	.endr

.macro save_from_r8
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
.endm

.macro save_all_but_rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	save_from_r8
.endm

.macro restore_general
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
.endm

/*
 * On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. The frame has one word there, orig_rax, so RDI's place is taken by
 * the vector and the error code becomes orig_rax.
 */
	.balign 16
trap_entry:
	cld
	testb $3, 24(%rsp)
	jz 1f
	swapgs
1:	xchgq %rdi, (%rsp)	/* rdi = vector; its own value is saved */
	save_all_but_rdi
	/* Nothing in the kernel runs with AC set but copying. */
	cmpl $0, %gs:CPU_SMAP
	je 2f
	clac
	/* A trap from user mode leaves SS null, SYSCALL does not: where they differ, TCG translates all that runs after both twice. */
2:	movl $KERNEL_DS, %eax
	movl %eax, %ss
	movl %edi, %esi
	movq REGS_ORIG_RAX(%rsp), %rdx
	movq $-1, REGS_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	xorl %ebp, %ebp		/* the end of the chain of frames */
	call trap_handle
	testb $3, REGS_CS(%rsp)
	jz trap_return
	movq %gs:CPU_THREAD, %rbx
	cmpq $0, THREAD_WORK(%rbx)
	jne return_with_work
trap_return:
	restore_general
	testb $3, 16(%rsp)
	jz 1f
	swapgs
1:	addq $8, %rsp
	iretq

/* RBX: the thread. Interrupts are off; user_return() turns them on and off again. */
return_with_work:
	movq %rsp, %rdi
	call user_return
	restore_general
	swapgs
	addq $8, %rsp
	iretq

	.balign 16
	.globl syscall_entry
syscall_entry:
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_STACK_TOP, %rsp
	pushq $USER_DS
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-38		/* ENOSYS, until the call gives its result */
	save_from_r8
	movq %gs:CPU_THREAD, %rbx
	xorl %ebp, %ebp		/* the end of the chain of frames */
	sti
	cmpl $0, THREAD_TRACE(%rbx)
	jne syscall_slow
	movslq %eax, %rax	/* as Linux, which looks at the lower half only */
	movl syscall_count(%rip), %r11d
	cmpq %r11, %rax
	jae syscall_none
	sbbq %r11, %r11		/* all ones: also a mispredicted branch stays in the table */
	andq %r11, %rax
	movq %r10, %rcx
	leaq syscall_table(%rip), %r11
	call *(%r11,%rax,8)
syscall_done:
	movq %rax, REGS_RAX(%rsp)
	cli
	cmpq $0, THREAD_WORK(%rbx)
	jne return_with_work
	testl $RFLAGS_TF, REGS_RFLAGS(%rsp)	/* SYSRET would trap before the next instruction */
	jnz return_with_work
	/* R12 to R15 are as they were: functions keep them. */
	movq REGS_RBP(%rsp), %rbp
	movq REGS_RBX(%rsp), %rbx
	movq REGS_R10(%rsp), %r10
	movq REGS_R9(%rsp), %r9
	movq REGS_R8(%rsp), %r8
	movq REGS_RDX(%rsp), %rdx
	movq REGS_RSI(%rsp), %rsi
	movq REGS_RDI(%rsp), %rdi
	movq REGS_RIP(%rsp), %rcx
	movq REGS_RFLAGS(%rsp), %r11
	movq REGS_RSP(%rsp), %rsp
	swapgs
	sysretq

syscall_slow:
	movq %rsp, %rdi
	call syscall_traced
	jmp syscall_done
syscall_none:
	movq %rsp, %rdi
	call syscall_unknown
	jmp syscall_done

/* SYSCALL from 32-bit code, which there is none of. */
	.globl syscall_entry32
syscall_entry32:
	movl $-38, %eax		/* ENOSYS */
	sysretl

/* NMI, double fault and machine check may come between SWAPGS and its frame: the frame's CS says nothing about GS. They come on stacks of
 * their own, and with one CPU its data have one address. */
	.balign 16
paranoid_entry:
	cld
	xchgq %rdi, (%rsp)
	save_all_but_rdi
	movl %edi, %r12d
	movl $MSR_GS_BASE, %ecx
	rdmsr
	movl %eax, %r13d
	movl %edx, %r14d
	leaq boot_cpu(%rip), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movl %r12d, %esi
	movq REGS_ORIG_RAX(%rsp), %rdx
	movq $-1, REGS_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	xorl %ebp, %ebp		/* the end of the chain of frames */
	call trap_handle
	movl $MSR_GS_BASE, %ecx
	movl %r13d, %eax
	movl %r14d, %edx
	wrmsr
	restore_general
	addq $8, %rsp
	iretq

/* user_leave(regs): to user mode from a frame at the top of the kernel stack; interrupts are off. */
	.globl user_leave
user_leave:
	movq %rdi, %rsp
	restore_general
	addq $8, %rsp
	swapgs
	iretq

/* context_switch(save_sp_to, load_sp): everything else is the stack's. */
	.globl context_switch
context_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* A new thread's first code: RBX its function, R12 the argument; interrupts are off. */
	.globl context_begin
context_begin:
	movq %r12, %rdi
	xorl %ebp, %ebp
	call *%rbx
	ud2

/*
 * Copying. user_copy(dst, src, bytes): 0, or how much was left when a fault could not be resolved. The copy's faults and
 * user_string's are in the table.
 */
	.globl user_copy
user_copy:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	stac
1:	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
copy8:	rep movsq
	movl %edx, %ecx
copy1:	rep movsb
	xorl %eax, %eax
user_copy_end:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	clac
1:	ret
user_copy_fault8:
	leaq (%rdx,%rcx,8), %rax
	jmp user_copy_end
user_copy_fault1:
	movq %rcx, %rax
	jmp user_copy_end

/* user_fill_zero(dst, bytes): as user_copy(). */
	.globl user_fill_zero
user_fill_zero:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	stac
1:	movq %rsi, %rcx
	movq %rsi, %rdx
	shrq $3, %rcx
	andl $7, %edx
	xorl %eax, %eax
zero8:	rep stosq
	movl %edx, %ecx
zero1:	rep stosb
	jmp user_copy_end

/* user_string(dst, src, size): length without NUL; `size` where no NUL was found; -14 on a fault. */
	.globl user_string
user_string:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	stac
1:	xorl %eax, %eax
2:	cmpq %rdx, %rax
	jae user_copy_end
string1:	movb (%rsi,%rax), %cl
	movb %cl, (%rdi,%rax)
	testb %cl, %cl
	jz user_copy_end
	incq %rax
	jmp 2b
user_string_fault:
	movq $-14, %rax
	jmp user_copy_end

/* user_load_word(address, value): one access; 0, or -14 on a fault. */
	.globl user_load_word
user_load_word:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	stac
1:
load4:	movl (%rdi), %eax
	movl %eax, (%rsi)
	xorl %eax, %eax
	jmp user_copy_end

/* user_swap_word(address, expected, value): stores what was there to *expected; 0, or -14 on a fault. */
	.globl user_swap_word
user_swap_word:
	cmpl $0, %gs:CPU_SMAP
	je 1f
	stac
1:	movl (%rsi), %eax
swap4:	lock cmpxchgl %edx, (%rdi)
	movl %eax, (%rsi)
	xorl %eax, %eax
	jmp user_copy_end

.macro fixup from, to
	.long \from - ., \to - .
.endm
	.section .extable, "a", @progbits
	fixup copy8, user_copy_fault8
	fixup copy1, user_copy_fault1
	fixup zero8, user_copy_fault8
	fixup zero1, user_copy_fault1
	fixup string1, user_string_fault
	fixup load4, user_string_fault
	fixup swap4, user_string_fault

	.section .note.GNU-stack, "", @progbits
