# SPDX-License-Identifier: GPL-2.0-only
# programs SECONDS: our own programs, some of them at once for SECONDS, the
# others once.
. /tests/common.sh
seconds=$1

pids=
for program in memory registers threads segments32 memory; do
	$program "$seconds" &
	pids="$pids $!"
done
while kill -0 $pids 2>/dev/null; do
	sleep 4
	audit
done
for pid in $pids; do
	wait "$pid" || fail "a program ended with $?"
done

vdso=no-vdso
on_lodge && vdso=
for program in "clock 3 $vdso" breakpoint bpf compat32; do
	$program
	status=$?
	[ $status = 77 ] && echo "$program: does not apply" && continue
	[ $status = 0 ] || fail "$program ended with $status"
done
audit
kernel_log_is_clean
