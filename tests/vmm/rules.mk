# SPDX-License-Identifier: BSD-3-Clause
# The test hosts that play a hypervisor. Included by the Makefile.

VMM_SRC := $(wildcard tests/vmm/*.c)

build/vmm/kvm_linux64: $(VMM_SRC) tests/vmm/vmm.h tests/vmm/virtio.h kernel/include/core/status.h
	@mkdir -p $(@D)
	$(Q)gcc -std=gnu17 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -Ikernel/include -o $@ $(VMM_SRC)
