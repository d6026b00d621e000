/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The image's entries: PVH (32-bit, EBX = hvm_start_info), Multiboot2 (32-bit, EAX = magic, EBX = information), Linux's 64-bit
 * protocol (RSI = boot_params). All end in early_main(protocol, info, tsc), identity mapped, on the boot stack.
 *
 * The image runs where it was loaded, which need not be where it was linked (Multiboot2 may move it), so addresses come
 * from %ebp, the image's start. Only the image's own memory is written.
 * Sources: Xen docs/misc/pvh.pandoc; Multiboot2 specification 3.1, 3.3; Linux Documentation/arch/x86/boot.rst.
 */
#include "asm_defs.h"

#define LOAD_BASE 0x100000 /* where the linker script starts the image */
#define AT(symbol) ((symbol) - head_start)

	.section .head, "ax", @progbits

	.balign 8
head_start:
multiboot2_header:
	.long 0xe85250d6
	.long 0
	.long multiboot2_header_end - multiboot2_header
	.long -(0xe85250d6 + 0 + (multiboot2_header_end - multiboot2_header))
	/* entry address (3.1.8) */
	.balign 8
	.word 3, 0
	.long 12
	.long LOAD_BASE + AT(multiboot2_entry)
	/* wanted: memory map, ACPI, command line, modules; module alignment (3.1.11) */
	.balign 8
	.word 6, 0
	.long 8
	/* relocatable (3.1.13): in the first GiB less a big page, 4 KiB aligned, as low as possible */
	.balign 8
	.word 10, 0
	.long 24
	.long 0x100000, 0x3fdfffff, 4096, 1
	.balign 8
	.word 0, 0
	.long 8
multiboot2_header_end:

	.code32
	.globl multiboot2_entry
multiboot2_entry:
	movl $PROTOCOL_MULTIBOOT2, %esi
	jmp entry32

	.globl pvh_entry
pvh_entry:
	movl $PROTOCOL_PVH, %esi

/* There is no stack: the second word of the information block stands in for one while the image finds itself. */
entry32:
	cli
	cld
	movl 4(%ebx), %ecx
	leal 8(%ebx), %esp
	call 1f
1:	popl %ebp
	movl %ecx, 4(%ebx)
	subl $AT(1b), %ebp
	rdtsc
	movl %eax, AT(entry_tsc)(%ebp)
	movl %edx, AT(entry_tsc + 4)(%ebp)

	/* Tables: one page each, zero in the file, for the first GiB; early_main() maps more of it. */
	leal AT(early_pdpt)(%ebp), %eax
	orl $3, %eax
	movl %eax, AT(kernel_pml4)(%ebp)
	leal AT(early_pd)(%ebp), %eax
	orl $3, %eax
	movl %eax, AT(early_pdpt)(%ebp)
	movl $0x83, AT(early_pd)(%ebp)
	movl %ebp, %ecx
	shrl $21, %ecx
	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, AT(early_pd)(%ebp, %ecx, 8)
	addl $0x200000, %eax
	movl %eax, AT(early_pd + 8)(%ebp, %ecx, 8)

	movl $CR4_PAE, %eax
	movl %eax, %cr4
	leal AT(kernel_pml4)(%ebp), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	leal AT(gdt)(%ebp), %eax
	movl %eax, AT(gdt_pointer + 2)(%ebp)
	movl $0, AT(gdt_pointer + 6)(%ebp)
	lgdt AT(gdt_pointer)(%ebp)
	leal AT(entry64_from32)(%ebp), %eax
	movl %eax, AT(far_entry64)(%ebp)
	movl $CR0_START, %eax
	movl %eax, %cr0
	ljmpl *AT(far_entry64)(%ebp)

	.code64
	.globl linux64_entry
linux64_entry:
	cli
	cld
	rdtsc
	shlq $32, %rdx
	orq %rax, %rdx
	movq %rdx, entry_tsc(%rip)
	movq %rsi, %rbx
	movl $PROTOCOL_LINUX64, %esi
	leaq image_start(%rip), %rbp

	leaq early_pdpt(%rip), %rax
	orq $3, %rax
	movq %rax, kernel_pml4(%rip)
	leaq early_pd(%rip), %rax
	orq $3, %rax
	movq %rax, early_pdpt(%rip)
	leaq early_pd(%rip), %rdx
	movq $0x83, (%rdx)
	movq %rbp, %rcx
	shrq $21, %rcx
	movq %rcx, %rax
	shlq $21, %rax
	orq $0x83, %rax
	movq %rax, (%rdx, %rcx, 8)
	addq $0x200000, %rax
	movq %rax, 8(%rdx, %rcx, 8)
	leaq kernel_pml4(%rip), %rax
	movq %rax, %cr3
	movq $CR0_START, %rax	/* CD may be set (Firecracker, libkrun) */
	movq %rax, %cr0
	movl $CR4_PAE, %eax
	movq %rax, %cr4
	leaq gdt(%rip), %rax
	movq %rax, gdt_pointer + 2(%rip)
	lgdt gdt_pointer(%rip)

	jmp entry64
entry64_from32:
	movl %ebx, %ebx		/* the upper half was undefined */
entry64:
	leaq boot_stack_top(%rip), %rsp
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	pushq $KERNEL_CS
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:
	/* The loader need not have cleared this. */
	leaq bss_start(%rip), %rdi
	leaq bss_end(%rip), %rcx
	subq %rdi, %rcx
	shrq $3, %rcx
	xorl %eax, %eax
	rep stosq
	movl %esi, %edi
	movq %rbx, %rsi
	movq entry_tsc(%rip), %rdx
	xorl %ebp, %ebp
	call early_main
	/* Returns the place to go on at, and the boot stack's top there. */
	movq %rdx, %rsp
	xorl %ebp, %ebp
	pushq %rbp
	jmpq *%rax

	.section .data, "aw", @progbits
	.balign 8
	.globl gdt
gdt:	/* selectors as Linux has them, since programs see them: asm_defs.h */
	.quad 0
	.quad 0
	.quad 0x00af9b000000ffff	/* kernel code */
	.quad 0x00cf93000000ffff	/* kernel data */
	.quad 0				/* where SYSRET would find 32-bit user code: there must be none */
	.quad 0x00cff3000000ffff	/* user data */
	.quad 0x00affb000000ffff	/* user code */
	.quad 0
	.globl gdt_tss
gdt_tss:
	.quad 0, 0
gdt_end:
	.globl gdt_pointer
	.balign 8
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad 0
	.balign 8
far_entry64:
	.long 0
	.word KERNEL_CS
	.balign 8
entry_tsc:
	.quad 0

	.balign 4096
	.globl kernel_pml4
kernel_pml4:
	.fill 512, 8, 0
	.globl early_pdpt
early_pdpt:
	.fill 512, 8, 0
	.globl early_pd
early_pd:
	.fill 512, 8, 0

	.section .noinit, "aw", @nobits
	.balign 4096
	.globl boot_stack_guard	/* stays unmapped */
boot_stack_guard:
	.skip 4096
	.globl boot_stack
boot_stack:
	.skip 16384
	.globl boot_stack_top
boot_stack_top:

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long LOAD_BASE + AT(pvh_entry)

	.section .note.GNU-stack, "", @progbits
