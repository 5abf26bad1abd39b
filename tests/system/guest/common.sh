# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# What the tests in a guest share. A test is a script here that is run as
# `sh /tests/NAME.sh ARGUMENT...` and exits with 0, 77 (does not apply here)
# or another status after saying what is wrong.
export PATH=/tests/bin:/usr/local/bin:$PATH
modules=/tests/modules
debug=/sys/kernel/debug/lodge-test
auditor=/sys/kernel/debug/lodge/audit
tracing=/sys/kernel/tracing

fail() {
	echo "failed: $*"
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

on_lodge() {
	grep -q '^lodge$' /sys/hypervisor/type 2>/dev/null ||
		dmesg | grep -q 'Hypervisor detected: Lodge'
}

step() {
	echo "- $(cut -d' ' -f1 /proc/uptime) $*"
}

# Processes that are about to do something.
running() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' |
		awk '$1 == "R" || $1 == "D"' | wc -l
}

# The hypervisor's auditor compares all shadows with the page tables. Between
# an entry's change and its flush they differ rightly, and that can take
# seconds where processes are many: so all others are stopped meanwhile, for
# one that stops has no flush before it. A difference counts when two audits
# in a row see it.
audit() {
	on_lodge || return 0
	[ -e $auditor ] || fail "no $auditor"
	kill -STOP -1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		# the two are the shell of $() and this program itself
		[ "$(running)" -le 2 ] && break
		sleep 0.3
	done
	cat $auditor $auditor >/dev/null
	differences=$(cat $auditor)
	kill -CONT -1
	# 38 is ENOSYS: a hypervisor without auditor
	case $differences in
	0 | -38) return 0 ;;
	esac
	fail "the auditor found $differences differences"
}

# Audits each few seconds until the process $1 is gone.
audit_while() {
	while kill -0 "$1" 2>/dev/null; do
		sleep 4
		audit
	done
}

# Kernel messages of level warning or worse that should not be there. Those
# of machines without certain devices come natively, too.
kernel_log_is_clean() {
	dmesg -r | awk -F'[<>]' '$2 % 8 <= 4' | grep -Ev -f /tests/expected.log \
		>/tmp/unexpected && {
		cat /tmp/unexpected
		fail "unexpected kernel messages"
	}
	if dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace|soft lockup|rcu.*stall'
	then
		fail "the kernel was in trouble"
	fi
}
