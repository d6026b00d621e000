/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * threadchaos SEED ROUNDS: threads that make random calls of what threads share, all at once: futexes and locks in memory that
 * comes and goes, descriptors that others close, signals and timers for each other, threads that end. Whatever becomes of the
 * program, the kernel lives and the machine ends. Never to be run on a host: it refuses to unless it is process 1 and
 * T_CHAOS is set.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "check.h"

enum { WORKERS = 6, PAGES = 16, WORDS = 8, FD_FIRST = 10, FD_COUNT = 16, TIMERS = 8 };

static char *region; /* PAGES pages that come and go */
static uint32_t words[WORDS];
static uint32_t *shared_words;
static volatile int tids[WORKERS];
static int timers[TIMERS];
static volatile long left;

/* Each thread's own, with the same beginning for the same seed. */
static __thread uint64_t state;
static __thread char own_rseq[32] __attribute__((aligned(32)));

static uint32_t pick(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 33) % below);
}

static char *somewhere(void)
{
	switch (pick(10)) {
	case 0:
		return NULL;
	case 1:
		return (char *)-8l;
	case 2:
		return (char *)0x7ffffffff000 - pick(8);
	case 3:
		return region + PAGES * 4096 - pick(16);
	default:
		return region + pick(PAGES * 4096);
	}
}

static uint32_t *some_word(void)
{
	switch (pick(4)) {
	case 0:
		return (uint32_t *)((uintptr_t)somewhere() & ~3ul);
	case 1:
		return &shared_words[pick(WORDS)];
	default:
		return &words[pick(WORDS)];
	}
}

static int some_fd(void)
{
	return FD_FIRST + (int)pick(FD_COUNT);
}

static struct timespec soon(void)
{
	return (struct timespec){ 0, (long)pick(2000000) };
}

static void use_futex(void)
{
	struct timespec time = soon();
	int operation = (int)(pick(14) | pick(2) * 128 | (pick(8) ? 0 : 256));
	uint32_t *word = some_word(), *other = some_word();
	int command = operation & 127;
	bool waits = command == 0 || command == 6 || command == 9 || command == 11 || command == 13;

	/* Absolute times are in the past by then, which is as good. */
	syscall(SYS_futex, word, operation, pick(3), waits ? (long)&time : (long)pick(4), other,
		pick(5) ? pick(3) : pick(UINT32_MAX));
}

static void lock_and_unlock(void)
{
	uint32_t *word = some_word();

	syscall(SYS_futex, word, 8 /* FUTEX_TRYLOCK_PI */, 0, NULL, NULL, 0);
	if (pick(2))
		sched_yield();
	syscall(SYS_futex, word, 7 /* FUTEX_UNLOCK_PI */, 0, NULL, NULL, 0);
}

static void change_memory(void)
{
	char *at = region + pick(PAGES) * 4096;
	size_t bytes = (1 + pick(3)) * 4096;

	if (at + bytes > region + PAGES * 4096)
		bytes = 4096;
	switch (pick(5)) {
	case 0:
		munmap(at, bytes);
		break;
	case 1:
		mprotect(at, bytes, (int)pick(4));
		break;
	case 2:
		madvise(at, bytes, MADV_DONTNEED);
		break;
	default:
		mmap(at, bytes, PROT_READ | PROT_WRITE,
		     (pick(2) ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
}

static void change_descriptors(void)
{
	int pipes[2];

	switch (pick(6)) {
	case 0:
		close(some_fd());
		break;
	case 1:
		dup2(some_fd(), some_fd());
		break;
	case 2:
		if (!pipe2(pipes, O_NONBLOCK)) {
			dup2(pipes[0], some_fd());
			dup2(pipes[1], some_fd());
			close(pipes[0]);
			close(pipes[1]);
		}
		break;
	case 3:
		pipes[0] = eventfd(pick(3), EFD_NONBLOCK);
		dup2(pipes[0], some_fd());
		close(pipes[0]);
		break;
	case 4:
		fcntl(some_fd(), F_SETFL, pick(2) ? O_NONBLOCK : 0);
		break;
	default:
		pipes[0] = memfd_create("chaos", 0);
		dup2(pipes[0], some_fd());
		close(pipes[0]);
	}
}

static void transfer(void)
{
	struct iovec parts[3];
	struct pollfd polled[3];

	for (int i = 0; i < 3; i++) {
		parts[i] = (struct iovec){ somewhere(), pick(9000) };
		polled[i] = (struct pollfd){ .fd = some_fd(), .events = POLLIN | POLLOUT };
	}
	switch (pick(6)) {
	case 0:
		read(some_fd(), parts[0].iov_base, parts[0].iov_len);
		break;
	case 1:
		write(some_fd(), parts[0].iov_base, parts[0].iov_len);
		break;
	case 2:
		readv(some_fd(), parts, 3);
		break;
	case 3:
		writev(some_fd(), parts, 3);
		break;
	case 4:
		poll(polled, 3, (int)pick(3));
		break;
	default:
		pwrite(some_fd(), parts[0].iov_base, parts[0].iov_len, pick(10000));
	}
}

static void ignore(int signo)
{
	(void)signo;
}

static void use_signals(void)
{
	struct timespec time = soon();
	sigset_t set;
	uint64_t bits = pick(2) ? (uint64_t)pick(UINT32_MAX) << 32 | pick(UINT32_MAX)
				: 1ull << pick(64);
	int signo = 1 + (int)pick(64);

	/* musl keeps three for itself, and faults are to show. */
	if (signo == SIGKILL || signo == SIGSTOP || signo == SIGSEGV || signo == SIGBUS ||
	    (signo >= 32 && signo <= 34))
		signo = SIGUSR2;
	switch (pick(6)) {
	case 0:
		syscall(SYS_tgkill, getpid(), tids[pick(WORKERS)], signo);
		break;
	case 1:
		kill(getpid(), signo);
		break;
	case 2:
		syscall(SYS_rt_sigtimedwait, &bits, pick(2) ? somewhere() : NULL, &time, 8);
		break;
	case 3:
		bits &= ~(1ull << (SIGUSR1 - 1) | 7ull << 31);
		syscall(SYS_rt_sigprocmask, pick(4), &bits, pick(2) ? somewhere() : NULL, 8);
		break;
	case 4:
		sigfillset(&set);
		syscall(SYS_rt_sigpending, somewhere(), 8);
		break;
	default:
		syscall(SYS_rt_tgsigqueueinfo, getpid(), tids[pick(WORKERS)], signo, somewhere());
	}
}

static void use_timers(void)
{
	struct {
		uint64_t value;
		int signo, notify, tid, pad[11];
	} event = { .signo = SIGUSR2, .notify = pick(2) ? 4 : 0, .tid = tids[pick(WORKERS)] };
	struct itimerspec spec = { soon(), soon() };
	int *timer = &timers[pick(TIMERS)];

	if (spec.it_interval.tv_nsec < 500000)
		spec.it_interval.tv_nsec = 0;
	switch (pick(4)) {
	case 0:
		syscall(SYS_timer_delete, *timer);
		syscall(SYS_timer_create, pick(4), &event, timer);
		break;
	case 1:
		syscall(SYS_timer_settime, *timer, 0, &spec, pick(2) ? somewhere() : NULL);
		break;
	case 2:
		syscall(SYS_timer_gettime, *timer, somewhere());
		break;
	default:
		syscall(SYS_timer_getoverrun, *timer);
	}
}

static void ask_about_threads(void)
{
	int tid = tids[pick(WORKERS)], priority = 0;
	static const int policies[] = { 0, 3, 5 };
	char path[64];

	switch (pick(9)) {
	case 0:
		syscall(SYS_sched_setscheduler, tid, policies[pick(3)], &priority);
		break;
	case 1:
		syscall(SYS_setpriority, 0, tid, (int)pick(40) - 20);
		break;
	case 2:
		syscall(SYS_sched_getattr, tid, somewhere(), 56, 0);
		break;
	case 3:
		syscall(SYS_get_robust_list, tid, somewhere(), somewhere());
		break;
	case 4:
		syscall(SYS_getgroups, 64, somewhere());
		break;
	case 5:
		syscall(SYS_setgroups, pick(64), somewhere());
		break;
	case 6:
		syscall(SYS_set_robust_list, somewhere(), 24);
		break;
	case 7:
		syscall(SYS_rseq, own_rseq, 32, pick(2), 1);
		break;
	default:
		snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid,
			 pick(2) ? "stat" : "status");
		tid = open(path, O_RDONLY);
		read(tid, somewhere(), 4096);
		close(tid);
	}
}

static void *work(void *arg);

/*
 * The place in the list is left to a new thread. musl unmaps a detached thread's stack, and what it registered with rseq there,
 * before the thread ends: to be preempted in between is SIGSEGV, on Linux too.
 */
static void replace(long me)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 65536);
	if (pthread_create(&thread, &attributes, work, (void *)me))
		return;
	syscall(SYS_rseq, own_rseq, 32, 1 /* RSEQ_FLAG_UNREGISTER */, 1);
	pthread_exit(NULL);
}

static void *work(void *arg)
{
	static void (*const calls[])(void) = { use_futex,          use_futex,     use_futex,
					       lock_and_unlock,    change_memory, change_memory,
					       change_descriptors, transfer,      transfer,
					       use_signals,        use_signals,   use_timers,
					       ask_about_threads };
	long me = (long)arg;

	state ^= (uint64_t)(unsigned)tids[me] << 20 ^ (uint64_t)left;
	tids[me] = (int)syscall(SYS_gettid);
	while (__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) > 0) {
		calls[pick(sizeof(calls) / sizeof(*calls))]();
		if (pick(400) == 0)
			replace(me);
	}
	return NULL;
}

/* Wakes who sleeps for ever. */
static void drive(void)
{
	while (left > 0) {
		uint32_t i = pick(WORDS);

		usleep(500);
		syscall(SYS_tgkill, getpid(), tids[pick(WORKERS)], SIGUSR1);
		syscall(SYS_futex, &words[i], 1, 100, NULL, NULL, 0);
		syscall(SYS_futex, &shared_words[i], 1, 100, NULL, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	if (getpid() != 1 || !getenv("T_CHAOS")) {
		puts("not here");
		return 2;
	}
	state = argc > 1 ? (uint64_t)atoi(argv[1]) : 1;
	left = argc > 2 ? atol(argv[2]) : 1000;
	for (int i = 1; i <= 64; i++)
		if (i != SIGSEGV && i != SIGBUS && (i < 32 || i > 34))
			sigaction(i, &(struct sigaction){ .sa_handler = ignore }, NULL);
	/* Kept apart by a page on either side: no stack may come to lie across its holes. */
	region = mmap(NULL, (PAGES + 2) * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(region != MAP_FAILED);
	region += 4096;
	mprotect(region, PAGES * 4096, PROT_READ | PROT_WRITE);
	shared_words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < WORKERS; i++) {
		pthread_t thread;

		state += 77;
		REQUIRE(!pthread_create(&thread, NULL, work, (void *)i));
	}
	drive();
	return 0;
}
