# SPDX-License-Identifier: GPL-2.0-only
# selftests [GROUP/PROGRAM...]: runs the kernel's selftests of /selftests/list
# (or those named) and prints "lodge-selftest: GROUP/PROGRAM RESULT SECONDS".
# Of those that fail, the last lines of output follow.
. /tests/common.sh
mkdir -p /tmp/work
echo 16 >/proc/sys/vm/nr_hugepages
echo 0 >/proc/sys/kernel/printk_ratelimit 2>/dev/null
dmesg -n 1

run_one() {
	group=$1
	program=$2
	shift 2
	cd "/selftests/$group" || return
	# This one writes an LDT of 8192 entries, one by one.
	limit=$patience
	case $program in ldt_gdt_*) limit=150 ;; esac
	start=$(cut -d. -f1 /proc/uptime)
	# shellcheck disable=SC2086 # a program may be in a folder below
	(cd "$(dirname "$program")" &&
		timeout -s KILL $limit "./${program##*/}" "$@") \
		>/tmp/selftest.log 2>&1 </dev/null
	status=$?
	seconds=$(($(cut -d. -f1 /proc/uptime) - start))
	case $status in
	0) result=pass ;;
	4) result=skip ;;
	137) result=timeout ;;
	*) result=fail ;;
	esac
	# An exit status of 0 with nothing but skips is a skip.
	if [ $result = pass ] && grep -q '^1\.\.0 # SKIP' /tmp/selftest.log; then
		result=skip
	fi
	echo "lodge-selftest: $group/$program $result $seconds"
	case $result in fail | timeout)
		tail -n 6 /tmp/selftest.log | cut -c1-150 | sed 's/^/    | /'
		;;
	esac
}

wanted=" $* "
patience=20 # more for those that run a second time, by their names
[ $# = 0 ] || patience=90
while read -r word group program arguments; do
	case $word in run | flaky) ;; *) continue ;; esac
	case $wanted in "  " | *" $group/$program "*) ;; *) continue ;; esac
	# shellcheck disable=SC2086 # words
	run_one "$group" "$program" $arguments
done </selftests/list
dmesg | grep -E 'WARNING: CPU|BUG: |Oops: ' && fail "the kernel was in trouble"
audit
exit 0
