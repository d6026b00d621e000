/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls that do not exist return ENOSYS, whatever the arguments; libraries rely on it. */
#include "check.h"

#include <sys/syscall.h>

int main(void)
{
	static const long numbers[] = { 337,        400, 423,  500,   511,     512,
					547,        600, 1000, 65535, 1 << 20, 0x3fffffff,
					0x7fffffff, -1,  -2,   -4096 };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		CHECK_ERROR(syscall(numbers[i], -1, -1, -1, -1, -1, -1), ENOSYS);
	static const long removed[] = { 134, 156, 174, 177, 178, 180, 181, 182,
					183, 184, 185, 205, 211, 214, 215, 236 };
	for (size_t i = 0; i < sizeof(removed) / sizeof(*removed); i++)
		CHECK_ERROR(syscall(removed[i], 0, 0, 0, 0, 0, 0), ENOSYS);
	CHECK_ERROR(syscall(SYS_rseq, 16, 7, 0, 0),
		    syscall(SYS_rseq, 0, 0, 0, 0) == -1 && errno == ENOSYS ? ENOSYS : EINVAL);
	return check_done("enosys");
}
