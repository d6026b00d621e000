/* SPDX-License-Identifier: BSD-3-Clause */
/* Floating-point state: as the psABI says at the start, kept across system calls, sleeps and page faults. */
#include "check.h"

#include <cpuid.h>
#include <fenv.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static void check_start(void)
{
	unsigned mxcsr;
	unsigned short control, status;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tfnstsw %2"
			 : "=m"(mxcsr), "=m"(control), "=m"(status));
	CHECK_EQ(mxcsr & ~0x3fu, 0x1f80);
	CHECK_EQ(control, 0x37f);
	CHECK_EQ(status & 0x3800, 0); /* an empty x87 stack */
}

/* xmm8..xmm11 and x87 keep their values over the call `nr(a, b)`. */
static bool kept_over(long nr, long a, long b)
{
	uint64_t in[4] = { 0x1111222233334444, 0x5555666677778888, 0x9999aaaabbbbcccc,
			   0xddddeeeeffff0000 },
		 out[4];
	double pi = 0;
	long result = nr;
	__asm__ volatile("movq (%3), %%xmm8\n\tmovq 8(%3), %%xmm9\n\tmovq 16(%3), %%xmm10\n\tmovq "
			 "24(%3), %%xmm11\n\t"
			 "fldpi\n\tsyscall\n\tfstpl %1\n\t"
			 "movq %%xmm8, (%4)\n\tmovq %%xmm9, 8(%4)\n\tmovq %%xmm10, 16(%4)\n\tmovq "
			 "%%xmm11, 24(%4)"
			 : "+a"(result), "=m"(pi)
			 : "D"(a), "r"(in), "r"(out), "S"(b)
			 : "memory", "rcx", "r11", "xmm8", "xmm9", "xmm10", "xmm11", "st");
	return memcmp(in, out, sizeof(in)) == 0 && pi > 3.14159265 && pi < 3.14159266;
}

static void check_calls(void)
{
	struct timespec wait = { 0, 5000000 };
	CHECK(kept_over(SYS_getppid, 0, 0));
	CHECK(kept_over(SYS_nanosleep, (long)&wait, 0));
	CHECK(kept_over(SYS_sched_yield, 0, 0));
	char buffer[256];
	CHECK(kept_over(SYS_getcwd, (long)buffer, sizeof(buffer)));
	CHECK(kept_over(100000, 0, 0));
}

/* Registers other than rax, rcx and r11 are as they were after a system call, and so is the direction flag. */
static void check_general_registers(void)
{
	uint64_t wrong;
	__asm__ volatile("mov $0x1001, %%rdi\n\tmov $0x1002, %%rsi\n\tmov $0x1003, %%rdx\n\tmov "
			 "$0x1004, %%r8\n\t"
			 "mov $0x1005, %%r9\n\tmov $0x1006, %%r10\n\tmov $0x1007, %%r12\n\tmov "
			 "$0x1008, %%r15\n\t"
			 "mov $110, %%eax\n\tsyscall\n\t"
			 "sub $0x1001, %%rdi\n\tsub $0x1002, %%rsi\n\tsub $0x1003, %%rdx\n\tsub "
			 "$0x1004, %%r8\n\t"
			 "sub $0x1005, %%r9\n\tsub $0x1006, %%r10\n\tsub $0x1007, %%r12\n\tsub "
			 "$0x1008, %%r15\n\t"
			 "or %%rsi, %%rdi\n\tor %%rdx, %%rdi\n\tor %%r8, %%rdi\n\tor %%r9, "
			 "%%rdi\n\tor %%r10, %%rdi\n\t"
			 "or %%r12, %%rdi\n\tor %%r15, %%rdi\n\tmov %%rdi, %0"
			 : "=b"(wrong)
			 :
			 : "rax", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "r12",
			   "r15", "memory", "cc");
	CHECK_EQ(wrong, 0);
}

static void check_page_fault(void)
{
	char *pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);
	REQUIRE(pages != MAP_FAILED);
	uint64_t in[2] = { 0x0102030405060708, 0x1112131415161718 };
	__asm__ volatile("movups (%0), %%xmm12" ::"r"(in) : "xmm12");
	for (int i = 0; i < 64; i++)
		__asm__ volatile("movups %%xmm12, (%0)" ::"r"(pages + i * 4096) : "memory");
	unsigned wrong = 0;
	for (int i = 0; i < 64; i++)
		wrong += memcmp(pages + i * 4096, in, 16) != 0;
	CHECK_EQ(wrong, 0);
}

static void check_arithmetic(void)
{
	volatile double one = 1, three = 3, zero = 0;
	volatile float small = 1e-30f;
	volatile long double third = 1.0L / 3;
	CHECK(one / three > 0.333333333333333 && one / three < 0.333333333333334);
	CHECK(isinf(one / zero));
	CHECK(isnan(zero / zero));
	CHECK(small * small == 0);
	CHECK(third * 3 == 1.0L);
	CHECK((double)third != third); /* x87 keeps 64 bits of mantissa */
	fesetround(FE_UPWARD);
	volatile double up = one / three;
	fesetround(FE_DOWNWARD);
	volatile double down = one / three;
	fesetround(FE_TONEAREST);
	CHECK(up > down);
}

__attribute__((target("avx"))) static void check_avx_over_sleep(void)
{
	uint64_t in[4] = { 1, 2, 3, 4 }, out[4];
	struct timespec wait = { 0, 3000000 };
	__asm__ volatile(
		"vmovups (%0), %%ymm13\n\tmov $35, %%eax\n\txor %%esi, %%esi\n\tsyscall\n\t"
		"vmovups %%ymm13, (%1)\n\tvzeroupper" ::"r"(in),
		"r"(out), "D"(&wait)
		: "memory", "rax", "rcx", "rsi", "r11", "xmm13");
	CHECK(memcmp(in, out, sizeof(in)) == 0);
}

int main(void)
{
	check_start();
	check_calls();
	check_general_registers();
	check_page_fault();
	check_arithmetic();
	unsigned a, b, c, d, low = 0, high;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_AVX))
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if ((low & 6) == 6)
		check_avx_over_sleep();
	return check_done("fpu");
}
