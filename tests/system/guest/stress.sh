# SPDX-License-Identifier: GPL-2.0-only
# stress SECONDS: stress-ng's stressors, all together, checking their own
# results, while the auditor runs.
. /tests/common.sh
seconds=$1
command -v stress-ng >/dev/null || skip "no stress-ng in the image"

cd /tmp || exit 1
# Without CAP_SYS_NICE: the mutex stressor would make its threads real-time
# ones, which may leave all others a twentieth of a CPU. A fork() or exit()
# then takes minutes, and RCU and the auditor rightly complain. For the same
# reason there are not a thousand threads, as would be usual, but 64.
/usr/local/bin/setpriv --bounding-set -sys_nice \
	stress-ng --verify --timeout "$seconds" --metrics-brief --oomable \
	--cpu 1 --fp-error 1 --memcpy 1 \
	--vm 2 --vm-bytes 24M --mmap 1 --mmap-bytes 16M --mremap 1 \
	--mremap-bytes 8M --madvise 1 --mprotect 1 --brk 1 --stack 1 \
	--fault 1 --fork 1 --vfork 1 --clone 1 --exec 1 --pthread 1 --pthread-max 64 \
	--signal 1 --sigsegv 1 --sigfpe 1 --switch 1 --yield 1 --futex 1 \
	--pipe 1 --sock 1 --sem 1 --mq 1 --poll 1 --timer 1 --timerfd 1 \
	--nanosleep 1 --clock 1 --itimer 1 --mutex 1 --membarrier 1 \
	--rseq 1 --get 1 --sysinfo 1 --procfs 1 --hdd 1 --hdd-bytes 4M \
	--affinity 1 --x86syscall 1 --tlb-shootdown 1 >/tmp/stress.log 2>&1 &
stress=$!
audit_while $stress
wait $stress
status=$?
grep -E 'fail|error' /tmp/stress.log | head -20
tail -50 /tmp/stress.log | grep metrc
# 3: a stressor that the machine cannot run was left out.
case $status in
0 | 3) ;;
*)
	tail -30 /tmp/stress.log
	fail "stress-ng ended with $status"
	;;
esac
audit
kernel_log_is_clean
