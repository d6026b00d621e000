/* SPDX-License-Identifier: BSD-3-Clause */
int command_build(const void *o);
int command_build(const void *o)
{
	(void)o;
	return 1;
}
