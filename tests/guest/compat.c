/* SPDX-License-Identifier: BSD-3-Clause */
/* SYSCALL from a 32-bit code segment leads nowhere but to a signal, or an error: never into the kernel with the program's stack. */
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static void ended(int signo)
{
	(void)signo;
	/* Which signal depends on the CPU, and on whether there are 32-bit segments at all. */
	_exit(check_done("compat"));
}

int main(void)
{
	static const unsigned char code[] = { 0x0f, 0x05, 0x0f, 0x0b }; /* syscall; ud2 */
	static char stack[65536];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction action = { .sa_handler = ended, .sa_flags = SA_ONSTACK };
	void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	CHECK(low != MAP_FAILED);
	memcpy(low, code, sizeof code);
	CHECK(!sigaltstack(&alternate, NULL));
	CHECK(!sigaction(SIGSEGV, &action, NULL));
	CHECK(!sigaction(SIGILL, &action, NULL));
	const struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) far = { (uint32_t)(uintptr_t)low, 0x23 };

	__asm__ volatile("ljmpl *%0" : : "m"(far), "a"(39) : "memory");
	return 1;
}
