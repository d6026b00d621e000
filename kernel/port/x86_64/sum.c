/* SPDX-License-Identifier: BSD-3-Clause */
/* See <hal/sum.h>. */
#include <hal/sum.h>

uint64_t sum_blocks(const void *blocks, size_t count, uint64_t sum)
{
	if (!count)
		return sum;
	asm("1:	addq (%[at]), %[sum]\n\t"
	    "adcq 8(%[at]), %[sum]\n\t"
	    "adcq 16(%[at]), %[sum]\n\t"
	    "adcq 24(%[at]), %[sum]\n\t"
	    "adcq 32(%[at]), %[sum]\n\t"
	    "adcq 40(%[at]), %[sum]\n\t"
	    "adcq 48(%[at]), %[sum]\n\t"
	    "adcq 56(%[at]), %[sum]\n\t"
	    "adcq $0, %[sum]\n\t"
	    "addq %[step], %[at]\n\t"
	    "decq %[count]\n\t"
	    "jnz 1b"
	    : [at] "+r"(blocks), [count] "+r"(count), [sum] "+r"(sum)
	    : [step] "i"(SUM_BLOCK_BYTES)
	    : "cc", "memory");
	return sum;
}
