# SPDX-License-Identifier: GPL-2.0-only
"""Reads the log of a run and says what became of the test.

FAIL is the hypervisor's fault, ERROR the test's own (it could not do its
work), SKIP means that it does not apply here. A run passes when every domain
ended as it should, every expected line is there, no forbidden one is, and
nothing in the log says that the hypervisor itself was in trouble.

A FAIL is late if all that is wrong is something missing when time was up, or
a rate that was measured. A busy host explains that; it explains no wrong
result, crash or report.
"""

import os
import re
import typing

PASS, FAIL, ERROR, SKIP = "PASS", "FAIL", "ERROR", "SKIP"


class Judgement(typing.NamedTuple):
    verdict: str
    reason: str = ""
    late: bool = False


RESULT = re.compile(r"lodge-test: (\S+) (PASS|FAIL|ERROR|SKIP) ?(.*)")
CRASH = re.compile(r"lodge: domain (\S+) (?:crashed: (.*)|reports a crash)")
TROUBLE = re.compile(
    r"lodge: (?:panic|BUG|assert|fatal|audit)|^(?:panic|PANIC|BUG)\b")
# A machine that ran out of time, and what tests/system/linux says then.
LATE = os.EX_TEMPFAIL  # exit status of a command
STOPPED = re.compile(r"^qemu: stopped after ", re.MULTILINE)
UNFINISHED = ("it printed no result", "status 124, not 0")
# Lines of the auditor that only say that all is well.
HARMLESS = re.compile(r"audit.* 0 differences|audit.* clean", re.IGNORECASE)


def _trouble(text):
    for line in text.splitlines():
        if TROUBLE.search(line) and not HARMLESS.search(line):
            return line.strip()[-160:]
    return ""


def _judge_domain(domain, results, crashes, timeout):
    """The judgement of one domain."""
    verdict, reason = results.get(domain.name, (None, ""))

    def missing(what):
        if timeout:
            what += " (timed out)"
        return Judgement(FAIL, f"{domain.name} {what}", timeout)

    if domain.verdict == "ended":
        if verdict or domain.name in crashes:
            return Judgement(PASS)
        return missing("did not end")
    if verdict in (FAIL, ERROR, SKIP):
        return Judgement(verdict, f"{domain.name}: {reason}")
    crash = crashes.get(domain.name)
    if domain.verdict == "PASS":
        if crash is not None:
            return Judgement(FAIL, f"{domain.name} crashed: {crash}")
        if verdict != PASS:
            return missing("printed no result")
    elif domain.verdict == "crash" and crash is None:
        return missing("was not stopped")
    elif verdict is None and crash is None:
        return missing("neither passed nor was stopped")
    return Judgement(PASS)


def judge_guests(test, text, status):
    """The judgement of a run of tiny guests."""
    timeout = status == "timeout"
    text = text.replace("\r", "")
    results = {}
    for match in RESULT.finditer(text):
        results.setdefault(match[1], (match[2], match[3].strip()))
    crashes = {m[1].strip('"'): (m[2] or "").strip() for m in CRASH.finditer(text)}
    domains = [_judge_domain(d, results, crashes, timeout)
               for d in test.domains]
    trouble = _trouble(text)
    if trouble:
        return Judgement(FAIL, trouble)
    # What is wrong goes before what is missing.
    lines = judge_lines(test, text, timeout)
    for wanted in ((FAIL, False), (ERROR, False), (SKIP, False), (FAIL, True)):
        for one in domains + [lines]:
            if (one.verdict, one.late) == wanted:
                return one
    if timeout:
        return Judgement(FAIL, f"no power-off within {test.timeout} s", True)
    ended = re.search(r"^lodge: no domain left", text, re.MULTILINE)
    if status and not (crashes and ended):
        return Judgement(FAIL, f"exit status {status}")
    return Judgement(PASS)


def judge_lines(test, text, timeout=False):
    """Checks the forbidden and the expected lines."""
    for pattern in test.forbid:
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return Judgement(FAIL, f"forbidden line: {match[0][:120]}")
    for pattern in test.expect:
        if not re.search(pattern, text, re.MULTILINE):
            return Judgement(FAIL, f"no line matches {pattern!r}", timeout)
    return Judgement(PASS)


def judge_command(test, text, status):
    """The judgement of a plain command: its exit status decides."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:160] if lines else ""
    if status == "timeout":
        return Judgement(FAIL, f"timed out after {test.timeout} s", True)
    if status == 77:
        return Judgement(SKIP, last)
    if status == 127:
        return Judgement(ERROR, last or "command not found")
    if status:
        # Nothing of a machine that boot/qemu stopped can be expected.
        late = status == LATE or (bool(STOPPED.search(text)) and
                                  last.endswith(UNFINISHED))
        return Judgement(FAIL, f"exit status {status}: {last}", late)
    return judge_lines(test, text)
