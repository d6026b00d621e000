/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernels of the command's tests share: the PVH entry, and the serial port polled. They are
 * 32-bit code, need no memory but their own, and end the machine by the sleep register of Cloud Hypervisor, which is harmless
 * elsewhere, or by a triple fault.
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18		/* owner's and content's length, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long enter

	.lcomm stack, 256

	.text
	.code32
enter:	mov $stack + 256, %esp	/* Firecracker gives none */
	jmp start

/* Sends al; clobbers bl, dx. */
put:	mov %al, %bl
	mov $0x3fd, %edx
1:	inb %dx, %al
	test $0x20, %al
	jz 1b
	mov $0x3f8, %edx
	mov %bl, %al
	outb %al, %dx
	ret

/* Sends the string at esi. */
puts:	lodsb
	test %al, %al
	jz 1f
	call put
	jmp puts
1:	ret

/* Receives al; clobbers dx. */
get:	mov $0x3fd, %edx
1:	inb %dx, %al
	test $1, %al
	jz 1b
	mov $0x3f8, %edx
	inb %dx, %al
	ret

die:	mov $0x600, %edx
	mov $0x34, %al
	outb %al, %dx
	lidt nowhere
	ud2

	.data
nowhere: .long 0, 0
	.text
	.global start
