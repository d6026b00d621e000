/* SPDX-License-Identifier: BSD-3-Clause */
/* For lwIP's sources, which ask for the C library's. */
#pragma once

#include <base/string.h>
