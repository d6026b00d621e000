/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system call table, made from syscalls.def, and what happens to numbers that nothing serves. Their names are kept as one
 * text, in the order of the numbers, and looked up by counting: they are wanted seldom, and an array of pointers would cost
 * a relocation each.
 */
#include "calls.h"

#include <base/log.h>
#include <base/string.h>

static long sys_absent(long a, long b, long c, long d, long e, long f);

#define SYSCALL(nr, name, arity, fmt) [nr] = (syscall_fn *)(void (*)(void))sys_##name,
#define ABSENT(nr, name) [nr] = sys_absent,

syscall_fn *const syscall_table[] = {
	[335 ... 423] = sys_absent,
#include "syscalls.def"
};
const unsigned syscall_count = countof(syscall_table);

#undef SYSCALL
#undef ABSENT
#define SYSCALL(nr, name, arity, fmt) #name "\0" fmt "\0"
#define ABSENT(nr, name) #name "\0\0"

static const char names[] =
#include "syscalls.def"
	;

enum { GAP_START = 335, GAP_END = 424 };

/* The text `strings` places into `names`; "" past its end. */
static const char *names_at(unsigned strings)
{
	const char *at = names;
	const char *end = names + sizeof(names) - 1;

	for (; strings && at < end; strings--)
		at += strlen(at) + 1;
	return at < end ? at : "";
}

static unsigned name_index(unsigned nr)
{
	if (nr < GAP_START)
		return nr;
	return nr >= GAP_END ? nr - (GAP_END - GAP_START) : sizeof(names);
}

const char *syscall_name(unsigned nr)
{
	return names_at(2 * name_index(nr));
}

const char *syscall_format(unsigned nr)
{
	return names_at(2 * name_index(nr) + 1);
}

/* Once per number: a program that falls back tries again and again. */
static void report_absent(uint64_t nr)
{
	static uint64_t
		reported[(countof(syscall_table) + 63) / 64]; /* one per machine, like the log */
	const char *name = nr < countof(syscall_table) ? syscall_name((unsigned)nr) : "";

	if (nr < countof(syscall_table)) {
		uint64_t bit = BIT64(nr % 64);

		if (__atomic_fetch_or(&reported[nr / 64], bit, __ATOMIC_RELAXED) & bit)
			return;
	}
	log_warning("system call %llu (%s) is not available", (unsigned long long)nr,
		    *name ? name : "unknown");
}

static long sys_absent(long a, long b, long c, long d, long e, long f)
{
	(void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	report_absent(user_regs()->orig_rax);
	return -ENOSYS;
}

long syscall_unknown(struct user_regs *regs)
{
	report_absent(regs->orig_rax);
	return -ENOSYS;
}
