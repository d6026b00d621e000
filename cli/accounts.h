/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of the accounts that servers change to. */
#pragma once

#include "root.h"

#include <base/compiler.h>

/** Gives the root /etc/passwd and /etc/group with the host's accounts of the system, without those of people, unless it has
 * them. 0 or a negative errno, reported. */
must_check int accounts_add(struct root *r);
