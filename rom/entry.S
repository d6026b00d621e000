/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the reset vector to C: the processor starts in real mode, in the last 16 bytes of the first
 * 4 GiB, with a code segment whose base is the ROM's start (Intel SDM vol. 3A, 10.1.4). The ROM is
 * only read: the segments' accessed bits are set, so that loading them writes nothing, and the stack
 * is below what rom_main() leaves for the kernel.
 */
#include "layout.h"

#define CODE_SEGMENT 0x08
#define DATA_SEGMENT 0x10
#define CR0_PROTECTED 0x11 /* PE, ET; the cache is on */

	.section .reset, "ax", @progbits
	.code16
	jmp rom_start

	.section .text16, "ax", @progbits
	.globl rom_start
rom_start:
	cli
	cld
	lgdtl %cs:(gdt_pointer - rom_start)
	movl $CR0_PROTECTED, %eax
	movl %eax, %cr0
	ljmpl $CODE_SEGMENT, $start32

	.code32
start32:
	movl $DATA_SEGMENT, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl $STACK_TOP, %esp
	call rom_main
	/* Returns the kernel's entry. Xen docs/misc/pvh.pandoc: EBX = hvm_start_info, flat segments, no paging. */
	movl $START_INFO, %ebx
	jmp *%eax

	/* Ends the machine: there is no interrupt table. */
	.globl triple_fault
triple_fault:
	lidt no_table
	int3

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* code: 4 GiB from 0 on */
	.quad 0x00cf93000000ffff	/* data: the same */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
no_table:
	.word 0
	.long 0

	.section .note.GNU-stack, "", @progbits
