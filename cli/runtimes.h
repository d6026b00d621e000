/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What programs open only while they run, for those that are well known: an interpreter's library, modules, configuration,
 * certificates. A table in runtimes.c says what; it is found on the host, and what is in the root already stays.
 */
#pragma once

#include "libraries.h"
#include "program.h"

#include <base/compiler.h>

/**
 * Brings it into the root for all that `l` has met, also for what comes with it. What is not on the host is left out.
 * 0 or a negative errno, reported.
 */
must_check int runtimes_add(struct libraries *l, const struct program *p);
