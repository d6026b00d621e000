/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends without a word. */
#include "pvh.S"
start:	jmp die
