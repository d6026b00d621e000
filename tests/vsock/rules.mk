# SPDX-License-Identifier: BSD-3-Clause
# The program of both sides. Included by the Makefile.

vsock-programs: build/vsock/peer
.PHONY: vsock-programs

build/vsock/peer: tests/vsock/peer.c tests/guest/vsock.h tests/guest/check.h
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	$(Q)musl-gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -no-pie -o $@ $<
