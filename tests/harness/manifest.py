# SPDX-License-Identifier: GPL-2.0-only
"""Reads tests/manifest.toml and turns its entries into tests to run.

An entry is either a command, whose exit status decides (0 pass, 77 skip), or
a list of tiny guests that run beside each other as domains of one machine.
Every *.toml in tests/manifest.d is read as well, so that a part of the
project can bring its own tests in a file of its own.
"""

import dataclasses
import pathlib
import tomllib

SUITES = ("quick", "full", "soak", "bochs", "unit", "guests", "linux")
KEYS = {
    "name", "suite", "command", "guest", "guests", "witness", "smp",
    "timeout", "expect", "forbid", "qemu", "build", "vcpus", "append",
    "kernel_mem", "verdict", "bochs", "nmi", "control", "alone",
}


class ManifestError(Exception):
    """The manifest itself is wrong."""


@dataclasses.dataclass
class Domain:
    """One guest of a test and what becomes of it."""

    guest: str
    name: str
    mem: int
    vcpus: int
    append: str
    control: bool  # the control domain, not a plain one
    verdict: str  # PASS, crash, any (of the two), ended (even as FAIL)


@dataclasses.dataclass
class Test:
    """One line of the report."""

    name: str
    suites: set
    timeout: int
    command: str = ""
    domains: list = dataclasses.field(default_factory=list)
    smp: int = 2
    mem: int = 512
    expect: list = dataclasses.field(default_factory=list)
    forbid: list = dataclasses.field(default_factory=list)
    qemu: str = ""
    build: str = "debug"
    nmi: bool = False  # NMIs all the time
    cpu: str = ""  # model of Bochs
    alone: bool = False  # nothing beside it: it compares shares of time


def _list(entry, key):
    value = entry.get(key, [])
    return [value] if isinstance(value, str) else value


def _domain(entry, test_name):
    if isinstance(entry, str):
        entry = {"guest": entry}
    unknown = set(entry) - {"guest", "name", "mem", "vcpus", "append",
                            "control", "verdict"}
    if unknown or "guest" not in entry:
        raise ManifestError(f"{test_name}: bad guest {entry}")
    verdict = entry.get("verdict", "PASS")
    if verdict not in ("PASS", "crash", "any", "ended"):
        raise ManifestError(f"{test_name}: bad verdict {verdict}")
    return Domain(entry["guest"], entry.get("name", entry["guest"]),
                  entry.get("mem", 32), entry.get("vcpus", 1),
                  entry.get("append", ""), entry.get("control", False),
                  verdict)


def _guest_tests(entry, suites):
    """One test for each number of processors in smp."""
    name = entry["name"]
    guests = entry.get("guests")
    if guests is None:
        single = {key: entry[key] for key in ("vcpus", "append", "verdict",
                                          "control")
                  if key in entry}
        single["guest"] = entry["guest"]
        if "kernel_mem" in entry:
            single["mem"] = entry["kernel_mem"]
        guests = [single]
    domains = [_domain(guest, name) for guest in guests]
    if entry.get("witness"):
        domains.append(_domain({"guest": "witness", "vcpus": 2}, name))
    names = [domain.name for domain in domains]
    if len(set(names)) != len(names):
        raise ManifestError(f"{name}: two domains of one name")
    smps = entry.get("smp", [2, 4])
    smps = smps if isinstance(smps, list) else [smps]
    models = entry.get("bochs", [])
    for model in [""] if models is True else models:
        # Virtual time there is slow: one run of each, and patience.
        suffix = f"-{model}" if model else ""
        yield Test(name=f"bochs-{name}{suffix}", suites={"bochs"}, cpu=model,
                   timeout=300,
                   domains=domains, smp=2,
                   mem=256 + sum(d.mem for d in domains),
                   expect=_list(entry, "expect"),
                   forbid=_list(entry, "forbid"))
    for smp in smps:
        mine = set(suites)
        if smp != smps[0]:
            mine.discard("quick")
        yield Test(name=name if smp == smps[0] else f"{name}-smp{smp}",
                   suites=mine, timeout=entry.get("timeout", 120),
                   domains=domains, smp=smp,
                   mem=256 + sum(d.mem for d in domains),
                   expect=_list(entry, "expect"),
                   forbid=_list(entry, "forbid"), qemu=entry.get("qemu", ""),
                   build=entry.get("build", "debug"),
                   nmi=entry.get("nmi", False))


def _tests(entry):
    unknown = set(entry) - KEYS
    if unknown or "name" not in entry:
        raise ManifestError(f"bad entry {entry.get('name', entry)}: "
                            f"{', '.join(sorted(unknown)) or 'no name'}")
    suites = entry.get("suite", ["full"])
    suites = [suites] if isinstance(suites, str) else list(suites)
    for suite in suites:
        if suite not in SUITES:
            raise ManifestError(f"{entry['name']}: no suite {suite}")
    if "command" in entry:
        yield Test(name=entry["name"], suites=set(suites),
                   timeout=entry.get("timeout", 120),
                   command=entry["command"], expect=_list(entry, "expect"),
                   forbid=_list(entry, "forbid"),
                   alone=entry.get("alone", False))
    else:
        if "soak" not in suites:
            suites.append("guests")
        yield from _guest_tests(entry, suites)


def load(folder):
    """All tests of the manifest; raises ManifestError."""
    files = [folder / "manifest.toml"]
    files += sorted(pathlib.Path(folder, "manifest.d").glob("*.toml"))
    tests = []
    for path in files:
        with open(path, "rb") as stream:
            try:
                data = tomllib.load(stream)
            except tomllib.TOMLDecodeError as error:
                raise ManifestError(f"{path.name}: {error}") from error
        for entry in data.get("test", []):
            tests.extend(_tests(entry))
    names = [test.name for test in tests]
    for name in names:
        if names.count(name) > 1:
            raise ManifestError(f"two tests are called {name}")
    return tests


def select(tests, wanted):
    """The tests of the suites and names in wanted, in manifest order."""
    chosen = []
    for test in tests:
        every = "all" in wanted and (test.suites - {"soak", "bochs"})
        if every or test.name in wanted or test.suites & set(wanted):
            chosen.append(test)
    known = {test.name for test in tests} | set(SUITES) | {"all"}
    for name in wanted:
        if name not in known:
            raise ManifestError(f"no suite or test {name}")
    return chosen
