// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers/lodge needs of the platform beside events and requests.
 */
#include "lodge.h"

long lodge_memory(unsigned int operation, void *list, unsigned int count)
{
	return hc_memory(operation, lodge_pa(list), count);
}

bool lodge_has_memory(void)
{
	return lodge_guest() && lodge_start.features & LODGE_FEATURE_MEMORY;
}

bool lodge_has_report(void)
{
	return lodge_guest() && lodge_start.features & LODGE_FEATURE_REPORT;
}

long lodge_control(unsigned int operation, unsigned int domid, void *buffer,
		   u64 arg0, u64 arg1)
{
	return hc_control(operation, domid, buffer ? lodge_pa(buffer) : 0, arg0,
			  arg1);
}

unsigned int lodge_domid(void)
{
	return lodge_start.domid;
}

bool lodge_is_control(void)
{
	return lodge_start.flags & LODGE_START_CONTROL;
}
