# SPDX-License-Identifier: BSD-3-Clause
# Guest programs: build/guest/<libc>/<name> from tests/guest/<name>.c. Included by the Makefile.

GUEST_NAMES := $(patsubst tests/guest/%.c,%,$(wildcard tests/guest/*.c))
GUEST_PIE_NAMES := hello args auxv aslr proc sigfault
GUEST_REAL_NAMES := $(patsubst tests/guest/real/%.c,%,$(wildcard tests/guest/real/*.c))
GUEST_PROGRAMS := $(addprefix build/guest/glibc/,$(GUEST_NAMES)) $(addprefix build/guest/musl/,$(GUEST_NAMES)) \
	$(addprefix build/guest/pie/,$(GUEST_PIE_NAMES)) $(addprefix build/guest/muslpie/,$(GUEST_PIE_NAMES)) \
	$(addprefix build/guest/real/,$(GUEST_REAL_NAMES)) build/guest/pty

GUEST_CFLAGS := -std=gnu17 -O1 -g -Wall -Wextra -Werror -fno-strict-aliasing

guest-programs: $(GUEST_PROGRAMS)
.PHONY: guest-programs

# guest_rule DIRECTORY SOURCES COMPILER FLAGS...
define guest_rule
build/guest/$(1)/%: $(2)/%.c $(wildcard tests/guest/*.h) tests/guest/rules.mk
	@mkdir -p $$(@D)
	@echo "  GUEST $$@"
	$$(Q)$(3) $$(GUEST_CFLAGS) $(4) -o $$@ $$< $(5)
endef
$(eval $(call guest_rule,glibc,tests/guest,gcc,-static -no-pie,-lm))
$(eval $(call guest_rule,musl,tests/guest,musl-gcc,-static -no-pie,-lm))
$(eval $(call guest_rule,pie,tests/guest,gcc,-fPIE -static-pie,-lm))
# musl-gcc's -static-pie makes a dynamic program.
MUSL_LIB := /usr/lib/x86_64-linux-musl
$(eval $(call guest_rule,muslpie,tests/guest,musl-gcc,-fPIE -static -nostartfiles -Xlinker -pie -Xlinker --no-dynamic-linker \
	-Xlinker -z -Xlinker text $(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o,-lm $(MUSL_LIB)/crtn.o))
# The linker warns of dlopen in static programs.
$(eval $(call guest_rule,real,tests/guest/real,gcc,-static -isystem /usr/include/lua5.4 -Xlinker --no-warnings,\
	$$(if $$(filter %/lua,$$@),-llua5.4 -lm,-lsqlite3 -lm)))

# Runs on the host: types at a program on a pseudo-terminal.
build/guest/pty: tests/guest/host/pty.c
	@mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -o $@ $<
