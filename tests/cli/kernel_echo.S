/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets the port up as the kernel does, asks for input, and prints it until its end; status 0. */
#include "pvh.S"
start:	mov $0x3fa, %edx
	mov $0xc7, %al		/* FIFOs on, both cleared */
	outb %al, %dx
	mov $ask, %esi
	call puts
loop:	call get
	cmp $0x10, %al
	jne 2f
	call get
	cmp $4, %al
	je end
2:	call put
	jmp loop
end:	mov $done, %esi
	call puts
	jmp die

	.data
ask:	.asciz "\033_capuchin;input\033\\"
done:	.asciz "\033_capuchin;exit=0\033\\"
