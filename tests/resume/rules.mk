# SPDX-License-Identifier: BSD-3-Clause
# What stops and resumes machines, and the program in them. Included by the Makefile.

build/resume/beat: tests/resume/beat.c
	@mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -static -pthread -o $@ $<

build/resume/drive: tests/resume/drive.c
	@mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -o $@ $<
