/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace_format.h"

#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The program's memory is this test's, but for addresses that are none. */
static int read_memory(void *dst, uintptr_t src, size_t bytes)
{
	if (src < 4096)
		return -EFAULT;
	memcpy(dst, (const void *)src, bytes);
	return 0;
}

static void expect(const char *name, const char *format, const long args[6], long result,
		   const char *wanted)
{
	const struct trace_call call = { name, format, args, result, true, read_memory };
	char line[240];

	assert_int_equal(trace_format(&call, line, sizeof(line)), strlen(wanted));
	assert_string_equal(line, wanted);
}

static void calls_look_as_strace_prints_them(void **state)
{
	(void)state;
	expect("openat", "asom", (long[6]){ -100, (long)"/etc/x", 02000000, 0 }, -ENOENT,
	       "openat(AT_FDCWD, \"/etc/x\", O_RDONLY|O_CLOEXEC) = -1 ENOENT "
	       "(No such file or directory)");
	expect("open", "som", (long[6]){ (long)"f", 01101, 0644 }, 3,
	       "open(\"f\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3");
	expect("open", "som", (long[6]){ (long)"d", 020200000 | 2, 0600 }, 3,
	       "open(\"d\", O_RDWR|O_TMPFILE, 0600) = 3");
	expect("kill", "dg", (long[6]){ 1, 15 }, 0, "kill(1, SIGTERM) = 0");
	expect("kill", "dg", (long[6]){ 1, 34 }, 0, "kill(1, SIGRT2) = 0");
	expect("kill", "dg", (long[6]){ 1, 65 }, -EINVAL,
	       "kill(1, 65) = -1 EINVAL (Invalid argument)");
	expect("kill", "dg", (long[6]){ 1, 0 }, 0, "kill(1, 0) = 0");
	expect("write", "fbu", (long[6]){ 1, (long)"hi\n\"\1", 5 }, 5,
	       "write(1, \"hi\\n\\\"\\1\", 5) = 5");
	expect("mmap", "*puPMfx", (long[6]){ 0, 8192, 3, 0x22, -1, 0 }, 0x7f0000000000,
	       "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
	       "0x7f0000000000");
	expect("mprotect", "puP", (long[6]){ 4096, 4096, 0 }, 0,
	       "mprotect(0x1000, 4096, PROT_NONE) = 0");
	expect("lseek", "fdw", (long[6]){ 3, -1, 1 }, -EINVAL,
	       "lseek(3, -1, SEEK_CUR) = -1 EINVAL (Invalid argument)");
	expect("getpid", "", (long[6]){ 0 }, 1, "getpid() = 1");
}

static void buffers_are_shown_as_far_as_they_were_filled(void **state)
{
	(void)state;
	expect("read", "fBu", (long[6]){ 0, (long)"abcdef", 100 }, 3, "read(0, \"abc\", 100) = 3");
	expect("read", "fBu", (long[6]){ 9, 0x5000, 100 }, -EBADF,
	       "read(9, 0x5000, 100) = -1 EBADF (Bad file descriptor)");
}

static void bad_addresses_are_shown_as_numbers(void **state)
{
	(void)state;
	expect("stat", "sp", (long[6]){ 16, 0 }, -EFAULT,
	       "stat(0x10, NULL) = -1 EFAULT (Bad address)");
	expect("stat", "sp", (long[6]){ 0, 0 }, -EFAULT,
	       "stat(NULL, NULL) = -1 EFAULT (Bad address)");
	expect("nanosleep", "tp", (long[6]){ 16, 0 }, -EFAULT,
	       "nanosleep(0x10, NULL) = -1 EFAULT (Bad address)");
}

static void long_strings_are_cut(void **state)
{
	(void)state;
	expect("chdir", "s", (long[6]){ (long)"0123456789012345678901234567890123456789" }, 0,
	       "chdir(\"01234567890123456789012345678901\"...) = 0");
	expect("chdir", "s", (long[6]){ (long)"01234567890123456789012345678901" }, 0,
	       "chdir(\"01234567890123456789012345678901\") = 0");
}

static void lines_are_cut_at_the_buffers_end(void **state)
{
	const long args[6] = { (long)"a path that is too long", (long)"and one more" };
	const struct trace_call call = { "rename", "ss", args, 0, true, read_memory };
	char *line = malloc(20);

	(void)state;
	assert_int_equal(trace_format(&call, line, 20), 19);
	assert_string_equal(line, "rename(\"a path that");
	free(line);
}

static void calls_that_do_not_return_say_so(void **state)
{
	const long args[6] = { 3 };
	const struct trace_call call = { "exit_group", "d", args, 0, false, read_memory };
	char line[64];

	(void)state;
	trace_format(&call, line, sizeof(line));
	assert_string_equal(line, "exit_group(3) = ?");
}

static void errors_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(errno_name(EPERM), "EPERM");
	assert_string_equal(errno_name(EAGAIN), "EAGAIN");
	assert_string_equal(errno_name(ENOTEMPTY), "ENOTEMPTY");
	assert_string_equal(errno_name(ECANCELED), "ECANCELED");
	assert_null(errno_name(0));
	assert_null(errno_name(41));
	assert_null(errno_name(-1));
	assert_null(errno_name(5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_look_as_strace_prints_them),
		cmocka_unit_test(buffers_are_shown_as_far_as_they_were_filled),
		cmocka_unit_test(bad_addresses_are_shown_as_numbers),
		cmocka_unit_test(long_strings_are_cut),
		cmocka_unit_test(lines_are_cut_at_the_buffers_end),
		cmocka_unit_test(calls_that_do_not_return_say_so),
		cmocka_unit_test(errors_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
