/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The empty kernel that ours is compared with: enters by PVH, prints the time stamp counter in hexadecimal on the serial port
 * (bench/waiting.c prints its own, in the same way), and ends QEMU: through isa-debug-exit where there is one (exit status 1),
 * else by a triple fault.
 */
	.code32
	.text
	.globl	start
start:
	rdtsc
	movl	$stack_top, %esp
	movl	%eax, %esi
	movl	%edx, %edi
	call	print_hex
	movl	%esi, %edi
	call	print_hex
	movw	$0x3f8, %dx
	movb	$'\n', %al
	outb	%al, %dx
	movb	$0, %al
	outb	%al, $0xf4
	lidt	no_table
	int3

/* Prints %edi in eight digits. */
print_hex:
	movw	$0x3f8, %dx
	movl	$8, %ecx
1:	roll	$4, %edi
	movl	%edi, %ebx
	andl	$15, %ebx
	movb	digits(%ebx), %al
	outb	%al, %dx
	loop	1b
	ret

digits:	.ascii	"0123456789abcdef"
no_table:
	.word	0
	.long	0

	.bss
	.skip	64
stack_top:

/* XEN_ELFNOTE_PHYS32_ENTRY (Xen, public/elfnote.h) */
	.section .note.Xen, "a", @note
	.long	4, 4, 18
	.asciz	"Xen"
	.long	start

	.section .note.GNU-stack, "", @progbits
