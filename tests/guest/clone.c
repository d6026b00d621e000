/* SPDX-License-Identifier: BSD-3-Clause */
/* What clone and clone3 refuse, and threads made without a library. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

enum { STACK = 65536, WAIT = 0 };
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

struct thread_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

static long raw(unsigned long flags)
{
	return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static void test_flags(void)
{
	CHECK_ERROR(raw(CLONE_THREAD), EINVAL);
	CHECK_ERROR(raw(CLONE_THREAD | CLONE_VM), EINVAL);
	CHECK_ERROR(raw(CLONE_SIGHAND), EINVAL);
	CHECK_ERROR(raw(CLONE_THREAD | CLONE_SIGHAND), EINVAL);
	CHECK_ERROR(raw(CLONE_NEWNS | CLONE_FS), EINVAL);
	CHECK_ERROR(raw(CLONE_NEWUSER | CLONE_FS), EINVAL);
	CHECK_ERROR(raw(THREAD | CLONE_NEWUSER), EINVAL);
	CHECK_ERROR(raw(THREAD | CLONE_NEWPID), EINVAL);
	CHECK_ERROR(syscall(SYS_clone, THREAD | CLONE_SETTLS, 0, 0, 0, -4096ul), EPERM);
}

static long raw3(void *args, size_t bytes)
{
	return syscall(SYS_clone3, args, bytes);
}

static void test_clone3(void)
{
	static uint64_t big[8192 / 8];
	struct thread_args args = { 0 };

	CHECK_ERROR(raw3(&args, 0), EINVAL);
	CHECK_ERROR(raw3(&args, 63), EINVAL);
	CHECK_ERROR(raw3(big, 4097), E2BIG);
	CHECK_ERROR(raw3(check_bad_pointer(), 64), EFAULT);
	big[20] = 1;
	CHECK_ERROR(raw3(big, 200), E2BIG);
	big[20] = 0;
	args.flags = CLONE_DETACHED;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.flags = SIGCHLD;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.flags = 1ull << 40;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.flags = THREAD | 0x100000000ull;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.flags = THREAD;
	args.exit_signal = SIGCHLD;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.exit_signal = 65;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.exit_signal = 1ull << 40;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.exit_signal = 0;
	args.stack = 4096;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.stack = 0, args.stack_size = 4096;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.stack = -8192ul;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.stack = args.stack_size = 0;
	args.set_tid_size = 33;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.set_tid_size = 1;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
	args.set_tid_size = 0;
	args.set_tid = (uintptr_t)big;
	CHECK_ERROR(raw3(&args, sizeof(args)), EINVAL);
}

static volatile int child_tid, parent_tid, ran, tls_word = 42, tls_seen;

/* Runs in a thread that has no library's storage: system calls only, and no errno. */
static __attribute__((noreturn)) void child(void)
{
	int value;

	ran = child_tid;
	__asm__ volatile("movl %%fs:0, %0" : "=r"(value));
	tls_seen = value;
	for (;;)
		__asm__ volatile("syscall" : : "a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
}

static void wait_for_end(volatile int *word)
{
	int tid;

	while ((tid = *word))
		syscall(SYS_futex, word, WAIT, tid, NULL, NULL, 0);
}

static void test_raw_thread(bool three)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t flags = THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
			       CLONE_CHILD_CLEARTID;
	struct thread_args args = {
		.flags = flags,
		.child_tid = (uintptr_t)&child_tid,
		.parent_tid = (uintptr_t)&parent_tid,
		.stack = (uintptr_t)stack,
		.stack_size = STACK - 8,
		.tls = (uintptr_t)&tls_word,
	};
	register long r10 __asm__("r10") = (long)&child_tid;
	register long r8 __asm__("r8") = (long)&tls_word;
	long tid;

	ran = tls_seen = parent_tid = 0;
	child_tid = -1;
	if (three)
		__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tjmp *%%rbx\n1:"
				 : "=a"(tid)
				 : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args)), "b"(child)
				 : "rcx", "r11", "memory");
	else
		__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tjmp *%%rbx\n1:"
				 : "=a"(tid)
				 : "a"(SYS_clone), "D"(flags), "S"(stack + STACK - 8),
				   "d"(&parent_tid), "r"(r10), "r"(r8), "b"(child)
				 : "rcx", "r11", "memory");
	REQUIRE(tid > 0);
	CHECK_EQ(parent_tid, tid);
	wait_for_end(&child_tid);
	CHECK_EQ(ran, tid);
	CHECK_EQ(tls_seen, 42);
	CHECK_EQ(child_tid, 0);
	munmap(stack, STACK);
	/* It is gone, or goes at once. */
	for (int i = 0; i < 1000 && !syscall(SYS_tgkill, getpid(), tid, 0); i++)
		usleep(100);
	CHECK_ERROR(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
}

int main(void)
{
	test_flags();
	test_clone3();
	test_raw_thread(false);
	test_raw_thread(true);
	CHECK_ERROR(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
	CHECK_ERROR(syscall(SYS_tgkill, getpid() + 1, getpid(), 0), ESRCH);
	return check_done("clone");
}
