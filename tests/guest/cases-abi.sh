# SPDX-License-Identifier: BSD-3-Clause
# Cases of calls that few programs make. Sourced by cases.sh.

for program in pidfd mqueue rarecalls; do
	try $program
done
options=$with_data
try xattr
options=
