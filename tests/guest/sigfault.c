/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults reach handlers with the right signal, si_code and si_addr. */
#include "check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

static sigjmp_buf out;
static siginfo_t info;
static uintptr_t fault_rip;
static long fault_trap;
static char *page; /* the page that the accesses below are made to */

static void handler(int signal_number, siginfo_t *given, void *context)
{
	ucontext_t *user = context;
	info = *given;
	fault_rip = (uintptr_t)user->uc_mcontext.gregs[REG_RIP];
	fault_trap = user->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(out, signal_number);
}

/* The signal that fn causes; 0 for none. */
static int caught(void (*fn)(void))
{
	int signal_number = sigsetjmp(out, 1);
	if (signal_number == 0)
		fn();
	return signal_number;
}

static void write_page(void)
{
	*(volatile char *)(page + 5) = 1;
}

static void read_page(void)
{
	(void)*(volatile char *)(page + 7);
}

static void run_page(void)
{
	void (*fn)(void);
	memcpy(&fn, &page, sizeof(fn));
	fn();
}

static void divide(void)
{
	__asm__ volatile("xor %%edx, %%edx\n\tmov $1, %%eax\n\txor %%ecx, %%ecx\n\tdiv %%ecx" ::
				 : "rax", "rcx", "rdx");
}

static void divide_sse(void)
{
	unsigned mxcsr = 0x1f80 & ~0x200u; /* division by zero unmasked */
	__asm__ volatile("ldmxcsr %0\n\tdivsd %1, %2" ::"m"(mxcsr), "x"(0.0), "x"(1.0));
}

static void divide_x87(void)
{
	unsigned short control = 0x37f & ~4u;
	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" ::"m"(control) : "st");
}

static void illegal(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void single_step(void)
{
	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\t"
		"lea 128(%%rsp), %%rsp" ::
			: "memory", "cc");
}

static void privileged(void)
{
	__asm__ volatile("cli");
}

static void port(void)
{
	__asm__ volatile("out %al, $0x80");
}

static void software_interrupt(void)
{
	__asm__ volatile("int $0x42");
}

static void check_memory(void)
{
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(caught(write_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == page + 5);
	CHECK_EQ(fault_trap, 14);
	CHECK_EQ(caught(read_page), 0);
	CHECK_EQ(caught(run_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == page);
	CHECK_EQ(fault_rip - (uintptr_t)page, 0);
	mprotect(page, 4096, PROT_NONE);
	CHECK_EQ(caught(read_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == page + 7);
	munmap(page, 4096);
	CHECK_EQ(caught(read_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == page + 7);
	CHECK_EQ(info.si_signo, SIGSEGV);
	CHECK_EQ(info.si_errno, 0);
	page = NULL;
	CHECK_EQ(caught(write_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == (void *)5);
}

/* A system call fails for want of a right; what the kernel notes of that must not colour the next fault. */
static void fail_to_write(void)
{
	void *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERROR(syscall(SYS_uname, read_only), EFAULT);
	munmap(read_only, 4096);
}

static void check_far_addresses(void)
{
	page = (char *)(uintptr_t)0x8000000000000000;
	CHECK_EQ(caught(write_page), SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK(info.si_addr == NULL);
	CHECK_EQ(fault_trap, 13);
	page = (char *)(uintptr_t)0xffff800000000000;
	fail_to_write();
	CHECK_EQ(caught(read_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == page + 7);
	page = (char *)(uintptr_t)0xffffffff80000000;
	CHECK_EQ(caught(write_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == page + 5);
	page = (char *)(uintptr_t)0x00007ffffffff000; /* the page below the border */
	CHECK_EQ(caught(read_page), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
}

static void check_file(void)
{
	int fd = open("sigfault.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	CHECK_EQ(ftruncate(fd, 100), 0);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_EQ(caught(write_page), 0);
	page += 4096;
	CHECK_EQ(caught(read_page), SIGBUS);
	CHECK_EQ(info.si_code, BUS_ADRERR);
	CHECK(info.si_addr == page + 7);
	CHECK_EQ(caught(write_page), SIGBUS);
	CHECK_EQ(ftruncate(fd, 8192), 0);
	CHECK_EQ(caught(write_page), 0);
	close(fd);
	unlink("sigfault.tmp");
}

static void check_instructions(void)
{
	CHECK_EQ(caught(divide), SIGFPE);
	CHECK_EQ(info.si_code, FPE_INTDIV);
	CHECK((uintptr_t)info.si_addr == fault_rip);
	CHECK_EQ(fault_trap, 0);
	CHECK_EQ(caught(illegal), SIGILL);
	CHECK_EQ(info.si_code, ILL_ILLOPN);
	CHECK((uintptr_t)info.si_addr == fault_rip);
	CHECK_EQ(caught(breakpoint), SIGTRAP);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK_EQ(caught(single_step), SIGTRAP);
	CHECK_EQ(info.si_code, TRAP_TRACE);
	CHECK_EQ(caught(privileged), SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK(info.si_addr == NULL);
	CHECK_EQ(caught(port), SIGSEGV);
	CHECK_EQ(caught(software_interrupt), SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

static void check_floating_point(void)
{
	unsigned mxcsr = 0x1f80;
	if (caught(divide_sse)) { /* emulated CPUs may not have this exception (QEMU's TCG) */
		CHECK_EQ(info.si_signo, SIGFPE);
		CHECK_EQ(info.si_code, FPE_FLTDIV);
		CHECK((uintptr_t)info.si_addr == fault_rip);
		CHECK_EQ(fault_trap, 19);
	}
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	CHECK_EQ(caught(divide_x87), SIGFPE);
	CHECK_EQ(info.si_code, FPE_FLTDIV);
	CHECK_EQ(fault_trap, 16);
	__asm__ volatile("fninit");
}

int main(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		CHECK_EQ(sigaction(signals[i], &action, NULL), 0);
	check_memory();
	check_far_addresses();
	check_file();
	check_instructions();
	check_floating_point();
	return check_done("sigfault");
}
