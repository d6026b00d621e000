/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time and random bytes at a beat, for who stops, copies and resumes the machine meanwhile (`selftest.beat=SECONDS`,
 * `selftest.beats=NUMBER`, for ever by default), and time for who asks the services (`selftest.serve=SECONDS`). Both end when
 * somebody asks for the page /end.
 */
#include "checks.h"

#include <core/params.h>
#include <core/random.h>
#include <core/resume.h>
#include <core/thread.h>
#include <core/time.h>

#include "report.h"

#define LOOK_NS (20 * NS_PER_MS)

/* False: the end was asked for. */
static bool sleep_until(uint64_t deadline)
{
	while (time_now() < deadline && !services_ended()) {
		uint64_t next = time_now() + LOOK_NS;

		(void)!thread_sleep_until(next < deadline ? next : deadline, WAIT_UNINTERRUPTIBLE);
	}
	return !services_ended();
}

static uint64_t show_beat(uint64_t number, uint64_t last_ns)
{
	uint64_t now = time_now();

	report_note("beat=%lu monotonic=%lu wall=%lu random=%016lx%016lx", number, now, time_wall(),
		    random_u64(), random_u64());
	if (now < last_ns)
		report_fail("beat", "the clock goes back, by %lu ns", last_ns - now);
	return now;
}

static void beat_for(uint64_t interval_ns, uint64_t count)
{
	uint64_t start = time_now(), last = start;

	for (uint64_t i = 1; !count || i <= count; i++) {
		last = show_beat(i, last);
		if (i == count || !sleep_until(last + interval_ns))
			return;
	}
}

void beat(void)
{
	uint64_t serve = params_number("selftest.serve", 0);
	uint64_t interval = params_number("selftest.beat", 0);

	resume_watch();
	if (serve || interval)
		report_note("ready");
	if (interval)
		beat_for(interval * NS_PER_S, params_number("selftest.beats", 0));
	if (serve)
		(void)sleep_until(time_now() + serve * NS_PER_S);
}
