# SPDX-License-Identifier: GPL-2.0-only
"""Reads the log of a run and says what became of the test.

FAIL is the hypervisor's fault, ERROR the test's own (it could not do its
work), SKIP means that it does not apply here. A run passes when every domain
ended as it should, every expected line is there, and nothing in the log says
that the hypervisor itself was in trouble.
"""

import re

PASS, FAIL, ERROR, SKIP = "PASS", "FAIL", "ERROR", "SKIP"

RESULT = re.compile(r"lodge-test: (\S+) (PASS|FAIL|ERROR|SKIP) ?(.*)")
CRASH = re.compile(r"lodge: domain (\S+) (?:crashed: (.*)|reports a crash)")
TROUBLE = re.compile(
    r"lodge: (?:panic|BUG|assert|fatal|audit)|^(?:panic|PANIC|BUG)\b")
# Lines of the auditor that only say that all is well.
HARMLESS = re.compile(r"audit.* 0 differences|audit.* clean", re.IGNORECASE)


def _trouble(text, allowed):
    for line in text.splitlines():
        if TROUBLE.search(line) and not HARMLESS.search(line):
            if any(re.search(pattern, line) for pattern in allowed):
                continue
            return line.strip()[-160:]
    return ""


def _judge_domain(domain, results, crashes):
    """(verdict, reason) of one domain."""
    verdict, reason = results.get(domain.name, (None, ""))
    if domain.verdict == "ended":
        if verdict or domain.name in crashes:
            return PASS, ""
        return FAIL, f"{domain.name} did not end"
    if verdict in (FAIL, ERROR, SKIP):
        return verdict, f"{domain.name}: {reason}"
    crash = crashes.get(domain.name)
    if domain.verdict == "PASS":
        if crash is not None:
            return FAIL, f"{domain.name} crashed: {crash}"
        if verdict != PASS:
            return FAIL, f"{domain.name} printed no result"
    elif domain.verdict == "crash" and crash is None:
        return FAIL, f"{domain.name} was not stopped"
    elif verdict is None and crash is None:
        return FAIL, f"{domain.name} neither passed nor was stopped"
    return PASS, ""


def judge_guests(test, text, status):
    """(verdict, reason) of a run of tiny guests."""
    text = text.replace("\r", "")
    results = {}
    for match in RESULT.finditer(text):
        results.setdefault(match[1], (match[2], match[3].strip()))
    crashes = {m[1].strip('"'): (m[2] or "").strip() for m in CRASH.finditer(text)}
    verdicts = [_judge_domain(d, results, crashes) for d in test.domains]
    trouble = _trouble(text, test.expect)
    if trouble:
        return FAIL, trouble
    for wanted in (FAIL, ERROR, SKIP):
        for verdict, reason in verdicts:
            if verdict == wanted:
                if status == "timeout":
                    reason += " (timed out)"
                return verdict, reason
    verdict, reason = judge_lines(test, text)
    if verdict != PASS:
        return verdict, reason
    if status == "timeout":
        return FAIL, f"no power-off within {test.timeout} s"
    ended = re.search(r"^lodge: no domain left", text, re.MULTILINE)
    if status and not (crashes and ended):
        return FAIL, f"exit status {status}"
    return PASS, ""


def judge_lines(test, text):
    """Checks the expected and the forbidden lines."""
    for pattern in test.expect:
        if not re.search(pattern, text, re.MULTILINE):
            return FAIL, f"no line matches {pattern!r}"
    for pattern in test.forbid:
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return FAIL, f"forbidden line: {match[0][:120]}"
    return PASS, ""


def judge_command(test, text, status):
    """(verdict, reason) of a plain command: its exit status decides."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:160] if lines else ""
    if status == "timeout":
        return FAIL, f"timed out after {test.timeout} s"
    if status == 77:
        return SKIP, last
    if status == 127:
        return ERROR, last or "command not found"
    if status:
        return FAIL, f"exit status {status}: {last}"
    return judge_lines(test, text)
