/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that assembly and C share. Control registers and MSRs: Intel SDM vol. 3, 2.5 and vol. 4.
 * Offsets into structs are asserted in asm_offsets.c.
 */
#pragma once

#define PROTOCOL_PVH 0
#define PROTOCOL_LINUX64 1
#define PROTOCOL_MULTIBOOT2 2

#define CR0_PE 0x1
#define CR0_MP 0x2
#define CR0_ET 0x10
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_PG 0x80000000
#define CR0_START 0x80010033 /* PG WP NE ET MP PE; CD and NW off */

#define CR4_PAE 0x20
#define CR4_MCE 0x40
#define CR4_PGE 0x80
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP 0x800
#define CR4_OSXSAVE 0x40000
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_NXE 0x800

/* Linux's selectors (arch/x86/include/asm/segment.h): visible to programs. */
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER32_CS 0x23
#define USER_DS 0x2b
#define USER_CS 0x33
#define TSS_SELECTOR 0x40

#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_AC 0x40000

/* struct cpu */
#define CPU_USER_RSP 8
#define CPU_STACK_TOP 16
#define CPU_THREAD 24
#define CPU_SMAP 32

/* struct thread */
#define THREAD_SAVED_SP 0
#define THREAD_STACK_TOP 8
#define THREAD_WORK 16 /* user_work and port_work, read as one */
#define THREAD_TRACE 24

/* struct user_regs */
#define REGS_R15 0
#define REGS_R14 8
#define REGS_R13 16
#define REGS_R12 24
#define REGS_RBP 32
#define REGS_RBX 40
#define REGS_R11 48
#define REGS_R10 56
#define REGS_R9 64
#define REGS_R8 72
#define REGS_RAX 80
#define REGS_RCX 88
#define REGS_RDX 96
#define REGS_RSI 104
#define REGS_RDI 112
#define REGS_ORIG_RAX 120
#define REGS_RIP 128
#define REGS_CS 136
#define REGS_RFLAGS 144
#define REGS_RSP 152
#define REGS_SS 160
#define REGS_BYTES 168

#define VECTOR_PIC 32
#define VECTOR_DEVICE 48
#define VECTOR_TIMER 126
#define VECTOR_SPURIOUS 127 /* its low four bits are set on any CPU */
#define VECTOR_COUNT 128
