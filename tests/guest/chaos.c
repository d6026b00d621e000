/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chaos SEED CALLS: random system calls with random arguments. Whatever becomes of the program, the kernel lives and the
 * machine ends. Never to be run on a host: it refuses to unless it is process 1 and T_CHAOS is set.
 */
#include "check.h"
#include "random.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static char *pages; /* eight pages, the last of which is read-only, with nothing behind */
static char path[] = "data/dir/a", other[] = "chaos.tmp";

/* Those that end the program, wait for ever as they should, or change what a program runs on at random. */
static const int excluded[] = { SYS_exit,
				SYS_exit_group,
				SYS_pause,
				SYS_rt_sigreturn,
				SYS_kill,
				SYS_tkill,
				SYS_tgkill,
				SYS_rt_sigsuspend,
				SYS_rt_sigtimedwait,
				SYS_rt_sigqueueinfo,
				SYS_rt_tgsigqueueinfo,
				SYS_nanosleep,
				SYS_clock_nanosleep,
				SYS_poll,
				SYS_ppoll,
				SYS_select,
				SYS_pselect6,
				SYS_futex,
				SYS_epoll_wait,
				SYS_epoll_pwait,
				SYS_epoll_pwait2,
				SYS_read,
				SYS_readv,
				SYS_wait4,
				SYS_waitid,
				SYS_reboot,
				SYS_arch_prctl,
				SYS_execve,
				SYS_execveat,
				SYS_fork,
				SYS_vfork,
				SYS_clone,
				SYS_clone3,
				SYS_setrlimit,
				SYS_prlimit64,
				SYS_rt_sigaction,
				SYS_alarm,
				SYS_setitimer,
				SYS_timer_settime,
				SYS_brk,
				SYS_munmap,
				SYS_mremap,
				SYS_mprotect,
				SYS_sigaltstack,
				SYS_preadv,
				SYS_preadv2,
				SYS_pread64,
				SYS_restart_syscall,
				449 /* futex_waitv */,
				424 /* pidfd_send_signal */,
				SYS_mq_timedsend,
				SYS_mq_timedreceive,
				SYS_splice,
				SYS_tee,
				SYS_vmsplice,
				SYS_flock,
				SYS_msgsnd,
				SYS_msgrcv,
				SYS_semop,
				SYS_semtimedop,
				SYS_sendfile,
				SYS_copy_file_range,
				SYS_accept,
				SYS_accept4,
				SYS_mknod /* a FIFO waits to be opened */,
				SYS_mknodat };

static bool is_excluded(long nr)
{
	for (size_t i = 0; i < sizeof(excluded) / sizeof(*excluded); i++)
		if (excluded[i] == nr)
			return true;
	return false;
}

static long random_argument(void)
{
	switch (random_below(16)) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
	case 3:
		return (long)random_below(12);
	case 4:
		return 1l << random_below(64);
	case 5:
		return (long)((uint64_t)random_below(1u << 31) << 33 | random_below(1u << 31));
	case 6:
		return -(long)random_below(200);
	case 7:
		return (long)path;
	case 8:
		return (long)other;
	case 9:
		return (long)(pages + 7 * 4096 + random_below(4096));
	case 10:
		return (long)(pages + 8 * 4096 - random_below(32));
	case 11:
		return (long)0xffffffff81000000 + random_below(1 << 20);
	case 12:
		return (long)random_below(100000);
	default:
		return (long)(pages + random_below(6 * 4096));
	}
}

/* Nothing of the program's own is to be mapped over, and no memory is to run out. */
static bool is_harmful(long nr, const long args[6])
{
	if (nr == SYS_mmap)
		return (args[3] & 0x100010) || (unsigned long)args[1] > 1 << 20;
	if (nr == SYS_madvise)
		return args[0] < (long)pages || args[0] > (long)(pages + 6 * 4096) ||
		       args[1] > 4096 || args[1] < 0;
	if (nr == SYS_ftruncate || nr == SYS_truncate || nr == SYS_fallocate)
		return true;
	if (nr == SYS_rt_sigprocmask)
		return true;
	return false;
}

int main(int argc, char **argv)
{
	unsigned calls = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	if (getpid() != 1 || !getenv("T_CHAOS")) {
		puts("not here");
		return 2;
	}
	random_seed(argc > 1 ? (uint64_t)atoi(argv[1]) : 1);
	for (int i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	pages = mmap(NULL, 9 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(pages + 7 * 4096, 4096, PROT_READ);
	munmap(pages + 8 * 4096, 4096);
	for (unsigned i = 0; i < calls; i++) {
		long nr = (long)random_below(460), args[6];
		for (int j = 0; j < 6; j++)
			args[j] = random_argument();
		if (is_excluded(nr) || is_harmful(nr, args))
			continue;
		syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	}
	return 0;
}
