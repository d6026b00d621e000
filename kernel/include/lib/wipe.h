/* SPDX-License-Identifier: BSD-3-Clause */
/* Erasing secrets. Pure, any context. */
#pragma once

#include <base/types.h>

/** memset() to 0 of what nobody reads any more, which a compiler would drop. */
void wipe(void *bytes, size_t count);
