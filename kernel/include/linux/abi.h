/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structures and numbers that programs share with the kernel, as Linux's uapi headers give them for x86-64. Only what more
 * than one file needs; a number that one system call knows stands beside that call.
 */
#pragma once

#include <base/types.h>

/* Results that never reach the program: what becomes of a system call that a signal interrupted (signal(7)). */
enum {
	ERESTARTSYS = 512,    /* again, if the handler has SA_RESTART or there is no handler */
	ERESTARTNOINTR = 513, /* again */
	ERESTARTNOHAND = 514, /* again, if there is no handler */
	ERESTART_RESTARTBLOCK = 516, /* again by restart_syscall, if there is no handler */
};

/* Clocks (clock_gettime(2)) */
enum {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
	CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM,
	CLOCK_BOOTTIME_ALARM,
	CLOCK_TAI = 11,
};
enum { TIMER_ABSTIME = 1 };

struct linux_timespec {
	int64_t seconds, nanoseconds;
};

struct linux_timeval {
	int64_t seconds, microseconds;
};

struct linux_iovec {
	uint64_t base, bytes;
};

/* Signals (signal(7)) */
enum {
	SIGHUP = 1,
	SIGINT,
	SIGQUIT,
	SIGILL,
	SIGTRAP,
	SIGABRT,
	SIGBUS,
	SIGFPE,
	SIGKILL,
	SIGUSR1,
	SIGSEGV,
	SIGUSR2,
	SIGPIPE,
	SIGALRM,
	SIGTERM,
	SIGSTKFLT,
	SIGCHLD,
	SIGCONT,
	SIGSTOP,
	SIGTSTP,
	SIGTTIN,
	SIGTTOU,
	SIGURG,
	SIGXCPU,
	SIGXFSZ,
	SIGVTALRM,
	SIGPROF,
	SIGWINCH,
	SIGIO,
	SIGPWR,
	SIGSYS,
	SIGRTMIN,
	SIGNAL_MAX = 64,
};

enum { SIGNAL_DEFAULT = 0, SIGNAL_IGNORE = 1 };

#define SA_NOCLDSTOP 0x1u
#define SA_NOCLDWAIT 0x2u
#define SA_SIGINFO 0x4u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

enum { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM 0x80000000u
enum { SIGNAL_STACK_MIN = 2048 };

/* si_code */
enum {
	SI_USER = 0,
	SI_KERNEL = 0x80,
	SI_QUEUE = -1,
	SI_TIMER = -2,
	SI_MESGQ = -3,
	SI_ASYNCIO = -4,
	SI_TKILL = -6,
	ILL_ILLOPN = 2,
	FPE_INTDIV = 1,
	FPE_FLTDIV = 3,
	FPE_FLTOVF = 4,
	FPE_FLTUND = 5,
	FPE_FLTRES = 6,
	FPE_FLTINV = 7,
	SEGV_MAPERR = 1,
	SEGV_ACCERR = 2,
	BUS_ADRALN = 1,
	BUS_ADRERR = 2,
	TRAP_BRKPT = 1,
	TRAP_TRACE = 2,
};

/** What a signal carries: the start of siginfo_t, of which the kernel keeps 48 bytes. */
struct signal_info {
	int32_t signo, error, code, pad;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			uint64_t value;
		} sent;
		struct {
			int32_t id, overrun;
			uint64_t value;
		} timer;
		struct {
			uint64_t address;
		} fault;
		uint64_t raw[4];
	};
};
_Static_assert(sizeof(struct signal_info) == 48, "Linux's struct kernel_siginfo");
enum { SIGINFO_BYTES = 128 };

struct signal_stack {
	uint64_t base;
	int32_t flags, pad;
	uint64_t bytes;
};

/** As rt_sigaction(2) takes it. */
struct signal_action {
	uint64_t handler, flags, restorer, mask;
};

/* Resource limits (getrlimit(2)) */
enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	RLIMIT_COUNT,
};
#define RLIM_INFINITY UINT64_MAX

struct resource_limit {
	uint64_t current, maximum;
};

enum { AT_FDCWD = -100 };
enum {
	AT_SYMLINK_NOFOLLOW = 0x100,
	AT_REMOVEDIR = 0x200,
	AT_EACCESS = 0x200,
	AT_SYMLINK_FOLLOW = 0x400,
	AT_NO_AUTOMOUNT = 0x800,
	AT_EMPTY_PATH = 0x1000,
};
