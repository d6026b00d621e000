/* SPDX-License-Identifier: BSD-3-Clause */
/* getrlimit, setrlimit, prlimit. */
#include "check.h"

#include <sys/resource.h>
#include <sys/syscall.h>

struct limit64 {
	uint64_t current, maximum;
};

static long prlimit_raw(int pid, int resource, const struct limit64 *set, struct limit64 *old)
{
	return syscall(SYS_prlimit64, pid, resource, set, old);
}

int main(void)
{
	struct rlimit limit;
	for (int resource = 0; resource < 16; resource++) {
		struct limit64 raw = { 1, 0 };
		CHECK_EQ(getrlimit(resource, &limit), 0);
		CHECK(limit.rlim_cur <= limit.rlim_max);
		CHECK_EQ(prlimit_raw(0, resource, NULL, &raw), 0);
		CHECK(raw.current == limit.rlim_cur && raw.maximum == limit.rlim_max);
	}
	CHECK_ERROR(syscall(SYS_getrlimit, 16, &limit), EINVAL);
	CHECK_ERROR(prlimit_raw(0, 99, NULL, NULL), EINVAL);
	CHECK_ERROR(prlimit_raw(0x3fffffff, RLIMIT_CORE, NULL, NULL), ESRCH);
	CHECK_ERROR(prlimit_raw(0, RLIMIT_CORE, &(struct limit64){ 2, 1 }, NULL), EINVAL);
	CHECK_ERROR(syscall(SYS_getrlimit, RLIMIT_CORE, 16), EFAULT);
	CHECK_ERROR(prlimit_raw(0, RLIMIT_CORE, (void *)(uintptr_t)16, NULL), EFAULT);
	struct limit64 old, set = { 100, 200 };
	CHECK_EQ(prlimit_raw(getpid(), RLIMIT_CORE, &set, &old), 0);
	CHECK_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
	CHECK(limit.rlim_cur == 100 && limit.rlim_max == 200);
	limit.rlim_cur = 150;
	CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
	CHECK_EQ(prlimit_raw(0, RLIMIT_CORE, NULL, &old), 0);
	CHECK(old.current == 150 && old.maximum == 200);
	return check_done("limits");
}
