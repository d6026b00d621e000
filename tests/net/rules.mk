# SPDX-License-Identifier: BSD-3-Clause
# Programs that use the network: build/net/<name> for the guest, and the same for both sides. Included by the Makefile.

NET_PROGRAMS := $(patsubst tests/net/%.c,build/net/%,$(wildcard tests/net/*.c))

net-programs: $(NET_PROGRAMS)
.PHONY: net-programs

# Not position independent, so that benchmarks know the addresses of their marks.
build/net/%: tests/net/%.c
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	$(Q)musl-gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -no-pie -o $@ $<
