/* SPDX-License-Identifier: BSD-3-Clause */
#include <core/resume.h>

#include <base/log.h>
#include <core/lock.h>
#include <core/random.h>
#include <core/time.h>
#include <core/timer.h>
#include <hal/cpu.h>

#include "scheduler.h"

static struct {
	struct spinlock lock; /* of machine->look() */
	const struct resume_machine *machine;
	struct timer timer;
	bool found;    /* find() was called */
	bool ticking;  /* the timer is in use */
	bool sleeping; /* it has not been armed again, since the machine was idle */
} watch;

void resume_set_machine(const struct resume_machine *machine)
{
	watch.machine = machine;
}

static enum resume_change look(void)
{
	enum resume_change change;

	spin_lock(&watch.lock);
	change = watch.machine->look();
	spin_unlock(&watch.lock);
	return change;
}

static void follow(enum resume_change change)
{
	switch (change) {
	case RESUME_RESTORED:
		random_renew();
		time_resume(TIME_RESTORED);
		log_info("resumed from a snapshot");
		break;
	case RESUME_PAUSED:
		time_resume(TIME_PAUSED);
		break;
	case RESUME_UNKNOWN:
		time_follow_wall();
		break;
	case RESUME_NONE:
		break;
	}
}

/* Nothing comes between what was seen and what follows: the interrupt that tells of the same resume would find the rest of what
 * has changed, take it for a pause, and have the clock count the standstill. */
void resume_check(void)
{
	bool irqs_were_on;

	if (!watch.found)
		return;
	irqs_were_on = cpu_irq_disable();
	follow(look());
	if (irqs_were_on)
		cpu_irq_enable();
}

static void tick(void)
{
	resume_check();
	time_mark();
	timer_arm(&watch.timer, time_now() + TIME_MARK_NS);
}

static void timer_over(struct timer *timer)
{
	(void)timer;
	watch.sleeping = scheduler_is_idle();
	if (!watch.sleeping)
		tick();
}

void resume_watch(void)
{
	if (!watch.machine)
		return;
	if (unlikely(!watch.found)) {
		watch.found = true;
		watch.machine->find();
	}
	if (unlikely(!watch.ticking) && time_wall_is_known()) {
		watch.ticking = true;
		timer_init(&watch.timer, timer_over);
		timer_arm(&watch.timer, time_now() + TIME_MARK_NS);
	}
}

void resume_idle_ended(void)
{
	if (likely(!watch.sleeping))
		return;
	watch.sleeping = false;
	tick();
}
