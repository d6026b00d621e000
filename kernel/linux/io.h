/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files about reading and writing share. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** The result for the program: a broken pipe is told by a signal as well, and an interrupted call may start again. */
long finish_transfer(long result);

/** readv(2) or writev(2), perhaps without waiting. */
long transfer_vector(long fd, long vector, long count, bool writes, bool nonblocking);

/** A position that the program gives by address; 0: it gives none. -EFAULT, -EINVAL. */
int must_check read_position(long address, uint64_t *value);
