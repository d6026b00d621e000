/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the guest programs: each states what Linux does as checks, says where one does not hold, and ends with
 * "ok NAME" and status 0, or "failed NAME" and status 1. What is printed must not depend on the machine, so that a run on
 * Linux and a run in Capuchin can be compared byte by byte.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned check_failures;

static inline const char *check_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static inline void check_truth(const char *file, int line, const char *what, bool holds)
{
	if (holds)
		return;
	check_failures++;
	printf("%s:%d: not so: %s\n", check_base_name(file), line, what);
	fflush(stdout);
}

static inline void check_equal(const char *file, int line, const char *what, long got, long want)
{
	if (got == want)
		return;
	check_failures++;
	printf("%s:%d: %s: got %ld, want %ld\n", check_base_name(file), line, what, got, want);
	fflush(stdout);
}

static inline void check_error(const char *file, int line, const char *what, long got, int want)
{
	int error = errno;
	if (got == -1 && error == want)
		return;
	check_failures++;
	printf("%s:%d: %s: got %ld, errno %d, want -1, errno %d\n", check_base_name(file), line,
	       what, got, error, want);
	fflush(stdout);
}

/** A condition that holds. */
#define CHECK(condition) check_truth(__FILE__, __LINE__, #condition, (condition))

/** Two integers that are equal. */
#define CHECK_EQ(got, want) check_equal(__FILE__, __LINE__, #got, (long)(got), (long)(want))

/** A call that returns -1 and sets this errno. */
#define CHECK_ERROR(call, want) \
	(errno = 0, check_error(__FILE__, __LINE__, #call, (long)(call), want))

/** Without this nothing that follows makes sense. */
#define REQUIRE(condition)                                           \
	do {                                                         \
		bool holds_ = (condition);                           \
		check_truth(__FILE__, __LINE__, #condition, holds_); \
		if (!holds_)                                         \
			exit(check_done("at a requirement"));        \
	} while (0)

/** An address that no program has, which the compiler does not know. */
static inline void *check_bad_pointer(void)
{
	volatile uintptr_t address = 16;
	return (void *)address;
}

/** The last line and the exit status. */
static inline int check_done(const char *name)
{
	printf("%s %s\n", check_failures ? "failed" : "ok", name);
	fflush(stdout);
	return check_failures ? 1 : 0;
}
