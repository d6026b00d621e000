/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints text with what only looks like records in it, and ends with status 7. */
#include "pvh.S"
start:	mov $text, %esi
	call puts
	jmp die

	.data
text:	.ascii "hello\033_capuchin;exit=3\033\\ \033_capuchin;exit=300\033\\ \033[1m\n"
	.asciz "\033_capuchin;exit=7\033\\"
