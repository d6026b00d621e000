/* SPDX-License-Identifier: BSD-3-Clause */
/* long vdso_syscall(long a, long b, long c, long nr): the system call itself, for what cannot be answered here. */
	.text
	.globl vdso_syscall
	.hidden vdso_syscall
	.type vdso_syscall, @function
vdso_syscall:
	movq %rcx, %rax
	syscall
	ret
	.size vdso_syscall, . - vdso_syscall
	.section .note.GNU-stack, "", @progbits
