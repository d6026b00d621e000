/* SPDX-License-Identifier: BSD-3-Clause */
/* A handler that overwrites every register changes none of the interrupted program's: general, flags, x87, SSE, AVX,
 * AVX-512. */
#include "check.h"

#include <cpuid.h>
#include <signal.h>

static volatile int calls;

/* In order: rax rbx rcx rdx rbp r8..r15 and, last, rsi (rdi points at them). */
void load_trap_store(const uint64_t in[14], uint64_t out[15]);

__asm__(".text\n"
	"load_trap_store:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi\n"
	"	mov (%rdi), %rax; mov 8(%rdi), %rbx; mov 16(%rdi), %rcx; mov 24(%rdi), %rdx\n"
	"	mov 32(%rdi), %rbp; mov 40(%rdi), %r8; mov 48(%rdi), %r9; mov 56(%rdi), %r10\n"
	"	mov 64(%rdi), %r11; mov 72(%rdi), %r12; mov 80(%rdi), %r13; mov 88(%rdi), %r14\n"
	"	mov 96(%rdi), %r15; mov 104(%rdi), %rsi\n"
	"	cmp %rax, %rax\n" /* ZF = 1, CF = SF = OF = 0 */
	"	stc\n"
	"	int3\n"
	"	push %rsi\n"
	"	mov 8(%rsp), %rsi\n"
	"	mov %rax, (%rsi); mov %rbx, 8(%rsi); mov %rcx, 16(%rsi); mov %rdx, 24(%rsi)\n"
	"	mov %rbp, 32(%rsi); mov %r8, 40(%rsi); mov %r9, 48(%rsi); mov %r10, 56(%rsi)\n"
	"	mov %r11, 64(%rsi); mov %r12, 72(%rsi); mov %r13, 80(%rsi); mov %r14, 88(%rsi)\n"
	"	mov %r15, 96(%rsi)\n"
	"	pop %rax; mov %rax, 104(%rsi)\n"
	"	pushf; pop %rax; mov %rax, 112(%rsi)\n"
	"	pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".globl load_trap_store\n");

#define ALL16(op)                                                                               \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define LOAD_X(n) "movups " #n "*16(%0), %%xmm" #n "\n\t"
#define STORE_X(n) "movups %%xmm" #n ", " #n "*16(%1)\n\t"
#define LOAD_Y(n) "vmovups " #n "*32(%0), %%ymm" #n "\n\t"
#define STORE_Y(n) "vmovups %%ymm" #n ", " #n "*32(%1)\n\t"

static void handler(int signal_number)
{
	(void)signal_number;
	calls++;
	__asm__ volatile(
		"pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm1\n\tmovaps %%xmm0, %%xmm2\n\t"
		"movaps %%xmm0, %%xmm7\n\tmovaps %%xmm0, %%xmm8\n\tmovaps %%xmm0, %%xmm15\n\t"
		"fninit\n\tfldpi\n\tfldpi\n\tmov $-1, %%rax\n\tmov %%rax, %%rcx\n\tmov %%rax, "
		"%%rdx\n\t"
		"mov %%rax, %%rsi\n\tmov %%rax, %%rdi\n\tmov %%rax, %%r8\n\tmov %%rax, %%r9\n\t"
		"mov %%rax, %%r10\n\tmov %%rax, %%r11\n\tmov %%rax, %%r12\n\tmov %%rax, "
		"%%r15\n\tcmp $0, %%rax" ::
			: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r15",
			  "xmm0", "xmm1", "xmm2", "xmm7", "xmm8", "xmm15", "cc");
}

static void fill(uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = 0x0123456789abcdef * (i + 3) ^ 0x5a5a5a5aull << (i & 31);
}

static void check_general(void)
{
	uint64_t in[14], after[15];
	fill(in, 14);
	load_trap_store(in, after);
	CHECK_EQ(calls, 1);
	CHECK(memcmp(in, after, sizeof(in)) == 0);
	CHECK_EQ(after[14] & 0x8d5, 0x45); /* CF, PF, ZF and none of AF, SF, OF */
}

static void check_sse(void)
{
	uint64_t in[32], after[32];
	fill(in, 32);
	__asm__ volatile(ALL16(LOAD_X) "int3\n\t" ALL16(STORE_X)::"r"(in), "r"(after)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	CHECK(memcmp(in, after, sizeof(in)) == 0);
	unsigned mxcsr = 0x7f80, now; /* round towards zero */
	__asm__ volatile("ldmxcsr %1\n\tint3\n\tstmxcsr %0" : "=m"(now) : "m"(mxcsr) : "memory");
	CHECK_EQ(now, mxcsr);
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

static void check_x87(void)
{
	unsigned short control = 0xc7f, now;
	double values[3];
	__asm__ volatile("fninit\n\tfldcw %2\n\tfld1\n\tfldpi\n\tfldl2e\n\tint3\n\tfnstcw %1\n\t"
			 "fstpl 16(%0)\n\tfstpl 8(%0)\n\tfstpl (%0)\n\tfninit" ::"r"(values),
			 "m"(now), "m"(control)
			 : "memory", "st", "st(1)", "st(2)");
	CHECK_EQ(now, control);
	CHECK(values[0] == 1.0);
	CHECK(values[1] > 3.14159 && values[1] < 3.14160);
	CHECK(values[2] > 1.44269 && values[2] < 1.44270);
}

static uint64_t enabled_features(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (uint64_t)d << 32;
}

__attribute__((target("avx"))) static void check_avx(void)
{
	uint64_t in[64], after[64];
	fill(in, 64);
	__asm__ volatile(ALL16(LOAD_Y) "int3\n\t" ALL16(STORE_Y) "vzeroupper" ::"r"(in), "r"(after)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	CHECK(memcmp(in, after, sizeof(in)) == 0);
}

__attribute__((target("avx512f"))) static void check_avx512(void)
{
	uint64_t in[8], high[8], low[8], masks[2];
	fill(in, 8);
	__asm__ volatile("vmovups (%0), %%zmm31\n\tvmovups (%0), %%zmm3\n\tkmovw %4, %%k1\n\tkmovw "
			 "%4, %%k7\n\tint3\n\t"
			 "vmovups %%zmm31, (%1)\n\tvmovups %%zmm3, (%2)\n\tkmovw %%k1, "
			 "%%eax\n\tmov %%rax, (%3)\n\t"
			 "kmovw %%k7, %%eax\n\tmov %%rax, 8(%3)\n\tvzeroupper" ::"r"(in),
			 "r"(high), "r"(low), "r"(masks), "r"(0xa5c3)
			 : "memory", "rax", "xmm3", "xmm31", "k1", "k7");
	CHECK(memcmp(in, high, sizeof(in)) == 0);
	CHECK(memcmp(in, low, sizeof(in)) == 0);
	CHECK_EQ(masks[0], 0xa5c3);
	CHECK_EQ(masks[1], 0xa5c3);
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(SIGTRAP, &action, NULL);
	check_general();
	check_sse();
	check_x87();
	unsigned a, b, c, d;
	bool avx = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (enabled_features() & 6) == 6;
	if (avx)
		check_avx();
	bool avx512 = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F) &&
		      (enabled_features() & 0xe6) == 0xe6;
	if (avx512)
		check_avx512();
	return check_done("sigregs");
}
