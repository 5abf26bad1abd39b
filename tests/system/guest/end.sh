# SPDX-License-Identifier: GPL-2.0-only
# end HOW: leave: poweroff, halt, reboot, panic, oops, sysrq-reboot.
. /tests/common.sh
case $1 in
poweroff) poweroff -f ;;
halt) halt -f ;;
reboot) reboot -f ;;
sysrq-reboot) echo b >/proc/sysrq-trigger ;;
sysrq-crash) echo c >/proc/sysrq-trigger ;;
panic | oops)
	insmod $modules/lodge-test.ko || fail insmod
	[ "$1" = oops ] && echo 1 >/proc/sys/kernel/panic_on_oops
	echo "$1" >$debug/fault
	;;
esac
sleep 30
fail "$1 did not end it"
