/* SPDX-License-Identifier: BSD-3-Clause */
/* execve: what goes over to the next program and what does not, how it is found, scripts, and every error. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

extern char **environ;

static int exec_at(int fd, const char *path, char *const args[], int flags)
{
	return (int)syscall(SYS_execveat, fd, path, args, environ, flags);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(fchmod(fd, mode), 0);
	close(fd);
}

/* A copy of this program, which is nobody's to write while it is open so. */
static int copy_self(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);
	char buffer[4096];
	ssize_t n;

	REQUIRE(from >= 0 && to >= 0);
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		CHECK_EQ(write(to, buffer, (size_t)n), n);
	close(from);
	return to;
}

static void print_args(int argc, char **argv)
{
	char name[16];

	prctl(PR_GET_NAME, name);
	printf("%s:", strncmp(name, "exec", 4) ? name : "exec");
	for (int i = 2; i < argc; i++)
		printf(" <%s>", argv[i]);
	printf("\n");
	fflush(stdout);
}

static void errors(char *const args[])
{
	char *big = malloc(200000);
	char *big_args[] = { "x", big, NULL };
	char **many = calloc(400002, sizeof *many);
	int fd;

	memset(big, 'a', 199999);
	big[199999] = 0;
	for (int i = 0; i < 400000; i++)
		many[i] = "0123456789abcdef";
	CHECK_ERROR(execve("/absent/program", args, environ), ENOENT);
	CHECK_ERROR(execve("", args, environ), ENOENT);
	CHECK_ERROR(execve("/", args, environ), EACCES);
	CHECK_ERROR(execve("/dev/null", args, environ), EACCES);
	CHECK_ERROR(execve("/proc/self/exe/x", args, environ), ENOTDIR);
	CHECK_ERROR(execve(check_bad_pointer(), args, environ), EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", check_bad_pointer(), environ), EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", args, check_bad_pointer()), EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", (char *[]){ check_bad_pointer(), NULL }, environ),
		    EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", big_args, environ), E2BIG);
	CHECK_ERROR(execve("/proc/self/exe", many, environ), E2BIG);
	write_file("plain", "just text\n", 0755);
	CHECK_ERROR(execve("plain", args, environ), ENOEXEC);
	write_file("empty", "", 0755);
	CHECK_ERROR(execve("empty", args, environ), ENOEXEC);
	write_file("elf", "\177ELF\2\1\1", 0755);
	CHECK_ERROR(execve("elf", args, environ), ENOEXEC);
	write_file("locked", "#!/bin/sh\n", 0644);
	CHECK_ERROR(execve("locked", args, environ), EACCES);
	write_file("orphan", "#!/absent/interpreter\n", 0755);
	CHECK_ERROR(execve("orphan", args, environ), ENOENT);
	write_file("blank", "#!   \n", 0755);
	CHECK_ERROR(execve("blank", args, environ), ENOEXEC);
	write_file("loop", "#!loop\n", 0755);
	CHECK_ERROR(execve("loop", args, environ), ELOOP);
	CHECK_EQ(symlink("plain", "sym"), 0);
	CHECK_ERROR(exec_at(AT_FDCWD, "sym", args, AT_SYMLINK_NOFOLLOW), ELOOP);
	CHECK_ERROR(exec_at(AT_FDCWD, "plain", args, 0x40000000), EINVAL);
	CHECK_ERROR(exec_at(-1, "plain", args, 0), EBADF);
	CHECK_ERROR(exec_at(-1, "", args, AT_EMPTY_PATH), EBADF);
	CHECK_ERROR(exec_at(0, "", args, 0), ENOENT);
	fd = open("plain", O_RDONLY | O_CLOEXEC);
	CHECK_ERROR(exec_at(fd, "x", args, 0), ENOTDIR);
	CHECK_ERROR(exec_at(fd, "", args, AT_EMPTY_PATH), ENOEXEC);
	close(fd);
	free(big);
	free(many);
}

static void busy(char *const args[])
{
	int fd = copy_self("busy");

	CHECK_ERROR(execve("./busy", args, environ), ETXTBSY);
	close(fd);
	CHECK_ERROR(open("/proc/self/exe", O_WRONLY), ETXTBSY);
	CHECK_ERROR(open("/proc/self/exe", O_RDWR), ETXTBSY);
	CHECK_ERROR(truncate("/proc/self/exe", 0), ETXTBSY);
	CHECK_ERROR(open("/proc/self/exe", O_RDONLY | O_TRUNC), ETXTBSY);
}

static void nothing(int signo)
{
	(void)signo;
}

/* What a program hands down: descriptors, ignored signals, the mask, the working directory, setitimer's timers. */
static void hand_down(void)
{
	struct itimerval in_an_hour = { .it_value.tv_sec = 3600 };
	struct itimerspec far = { .it_value.tv_sec = 3600 };
	sigset_t blocked;
	timer_t timer;
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

	CHECK_EQ(dup2(open("/dev/null", O_RDONLY), 20), 20);
	CHECK_EQ(dup3(20, 21, O_CLOEXEC), 21);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, nothing);
	sigaltstack(&stack, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGTERM);
	setitimer(ITIMER_REAL, &in_an_hour, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &far, NULL), 0);
	CHECK_EQ(mkdir("inner", 0755), 0);
	CHECK_EQ(chdir("inner"), 0);
	umask(027);
	prctl(PR_SET_NAME, "renamed");
}

static void check_handed_down(int pid)
{
	struct itimerval left;
	struct sigaction action;
	sigset_t set;
	stack_t stack;
	char cwd[4096];

	CHECK_EQ(getpid(), pid);
	CHECK_EQ(fcntl(20, F_GETFD), 0);
	CHECK_ERROR(fcntl(21, F_GETFD), EBADF);
	sigaction(SIGUSR1, NULL, &action);
	CHECK(action.sa_handler == SIG_IGN);
	sigaction(SIGUSR2, NULL, &action);
	CHECK(action.sa_handler == SIG_DFL);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CHECK(sigismember(&set, SIGTERM));
	sigpending(&set);
	CHECK(sigismember(&set, SIGTERM));
	sigaltstack(NULL, &stack);
	CHECK_EQ(stack.ss_flags, SS_DISABLE);
	getitimer(ITIMER_REAL, &left);
	CHECK(left.it_value.tv_sec > 3000);
	CHECK_ERROR(syscall(SYS_timer_gettime, 0, &left), EINVAL);
	CHECK(getcwd(cwd, sizeof cwd) && !strcmp(strrchr(cwd, '/'), "/inner"));
	CHECK_EQ(umask(022), 027);
	CHECK(!strcmp((const char *)getauxval(AT_EXECFN), "/proc/self/exe"));
}

static char *link_text(const char *path)
{
	static char text[4096];
	ssize_t n = readlink(path, text, sizeof text - 1);

	text[n < 0 ? 0 : n] = 0;
	return text;
}

/* Each step runs the next one; what it gets is checked there. */
static void by_path(int step)
{
	switch (step) {
	case 1:
		close(copy_self("second"));
		execle("./second", "second", "2", NULL, (char *[]){ "ONLY=this", NULL });
		break;
	case 2:
		CHECK(!strcmp(environ[0], "ONLY=this") && !environ[1]);
		CHECK(strstr(link_text("/proc/self/exe"), "/second"));
		write_file("script", "#! ./second 3 and a blank\nignored\n", 0755);
		execl("./script", "name is lost", "one", "two", NULL);
		break;
	default: /* the interpreter of a script gets the rest of the line as one argument */
		CHECK(!strcmp((const char *)getauxval(AT_EXECFN), "./script"));
		write_file("outer", "#!./inner_script\n", 0755);
		write_file("inner_script", "#!./second 4\n", 0755);
		execl("./outer", "outer", "last", NULL);
	}
}

static void by_descriptor(int step, char **argv)
{
	int fd;

	switch (step) {
	case 4:
		fd = open("second", O_RDONLY | O_CLOEXEC);
		fexecve(dup2(fd, 30), (char *[]){ "by descriptor", "5", NULL }, environ);
		break;
	case 5:
		CHECK(!strcmp((const char *)getauxval(AT_EXECFN), "/dev/fd/30"));
		fd = open(".", O_PATH | O_DIRECTORY);
		CHECK_EQ(dup2(fd, 31), 31);
		exec_at(31, "second", (char *[]){ "x", "6", NULL }, 0);
		break;
	case 6:
		CHECK(!strcmp((const char *)getauxval(AT_EXECFN), "/dev/fd/31/second"));
		fd = open("script", O_RDONLY | O_CLOEXEC);
		CHECK_ERROR(exec_at(fd, "", argv, AT_EMPTY_PATH), ENOENT);
		CHECK_EQ(dup2(open("second", O_PATH), 32), 32);
		exec_at(32, "", (char *[]){ "x", "7", NULL }, AT_EMPTY_PATH);
		break;
	default: /* no arguments at all is one that is empty: here, the environment tells the step */
		syscall(SYS_execve, "./second", NULL, (char *[]){ "STEP=8", NULL });
	}
}

static void first_step(char **argv)
{
	char pid[16];

	errors(argv);
	busy(argv);
	hand_down();
	snprintf(pid, sizeof pid, "%d", getpid());
	setenv("SECRET", pid, 1);
	execl("/proc/self/exe", "any name", "1", "a b", "", NULL);
}

int main(int argc, char **argv)
{
	const char *given = argc > 1 ? argv[1] : getenv("STEP");
	int step = given ? atoi(given) : 0;

	if (argc > 1)
		print_args(argc, argv);
	if (step == 0)
		first_step(argv);
	if (step == 1) {
		check_handed_down(atoi(getenv("SECRET")));
		CHECK(!strcmp(argv[0], "any name"));
		CHECK_EQ(chdir(".."), 0);
	}
	if (step >= 1 && step <= 3)
		by_path(step);
	if (step >= 4 && step <= 7)
		by_descriptor(step, argv);
	if (step == 8) {
		CHECK_EQ(argc, 1);
		CHECK(!argv[0][0]);
		return check_done("exec");
	}
	printf("step %d: %s\n", step, strerror(errno));
	return 1;
}
