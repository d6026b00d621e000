/* SPDX-License-Identifier: BSD-3-Clause */
/* The self-test as a whole. See <selftest/selftest.h>. */
#include <selftest/selftest.h>

#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/end.h>
#include <core/params.h>
#include <core/status.h>
#include <core/thread.h>
#include <mm/alloc.h>
#include <mm/stack.h>
#include <net/socket.h>

#include "checks.h"
#include "report.h"

enum { REPORT_VERSION = 1 };

static unsigned finish(void)
{
	struct report_counts counts = report_counts();

	report_note("result=%s passed=%u failed=%u skipped=%u", counts.failed ? "failed" : "ok",
		    counts.passed, counts.failed, counts.skipped);
	return counts.failed ? STATUS_SELFTEST_FAILED : 0;
}

static void run(void *arg)
{
	(void)arg;
	report_value("version", "%d", REPORT_VERSION);
	check_machine();
	if (!check_clock())
		core_end(finish());
	check_memory();
	check_devices();
	check_disks();
	check_network();
	check_metadata();
	check_services();
	check_vsock();
	check_tree();
	beat();
	unsigned status = finish();
	network_finish();
	core_end(status);
}

bool selftest_wanted(void)
{
	const char *init = params_get("init");

	/* A program's path is absolute. */
	return init && !strcmp(init, "selftest");
}

int selftest_start(void)
{
	struct thread *thread = mem_alloc(sizeof *thread);
	void *stack = stack_create();

	if (!thread || !stack) {
		mem_free(thread);
		if (stack)
			stack_destroy(stack);
		return -ENOMEM;
	}
	thread_init(thread, "selftest", stack, STACK_BYTES, run, NULL, NULL);
	thread_start(thread);
	return 0;
}
