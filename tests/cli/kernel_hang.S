/* SPDX-License-Identifier: BSD-3-Clause */
/* Says that it runs, and runs for ever. */
#include "pvh.S"
start:	mov $text, %esi
	call puts
	jmp .

	.data
text:	.asciz "hanging\n"
