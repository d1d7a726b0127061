"""`minwang mutants`. Exit status: 0 all packages at their bar, 1 one is below it or a test fails, 2 wrong usage."""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tests.mutants import operators, runner
from tests.mutants.mutant import Mutant
from tests.mutants.named import NAMED
from tests.mutants.runner import MutantPlugin, Outcome
from tests.mutants.targets import LEFT_OUT, MIN_KILLED, ROOT, TARGETS, Target


def main() -> int:
    parser = argparse.ArgumentParser(prog="minwang mutants", description="Test the unit tests with mutants.")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(t.source for t in TARGETS)}")
    parser.add_argument("--sample", type=int, metavar="N", help="at most N mutants of each package (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: 1)")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no mutant after M minutes (random order)")
    parser.add_argument("--named", action="store_true", help="the mutants of tests/mutants/named.py only")
    parser.add_argument("--survivors", type=Path, default=ROOT / "mutants.diff", metavar="FILE", help="their diffs")
    options = parser.parse_args()
    wanted = {p.replace(".", "/").removesuffix("/py").rstrip("/") for p in options.packages}
    targets = [t for t in TARGETS if not wanted or t.source.removesuffix(".py") in wanted]
    if len(targets) < len(wanted):
        parser.error(f"a package is one of: {', '.join(t.source for t in TARGETS)}")
    if options.named:
        return named(options.survivors)
    chosen = {t.source: sample(t, options.sample, options.seed) for t in targets}
    return report(targets, chosen, options.survivors, math.inf if options.minutes is None else 60 * options.minutes)


def sample(target: Target, size: int | None, seed: int) -> list[Mutant]:
    """Return at most `size` mutants of the package, in random order."""
    points = [p for file in target.files() for p in operators.points(file)]
    return [p.mutant() for p in random.Random(seed).sample(points, min(len(points), size or len(points)))]


def target_of(path: str) -> Target:
    return next(t for t in TARGETS if path == t.source or path.startswith(f"{t.source}/"))


def report(targets: list[Target], chosen: dict[str, list[Mutant]], survivors: Path, limit_s: float) -> int:
    """Run the mutants, none after `limit_s`, and print a line for each package; returns the exit status."""
    counts = {t.source: Counter[Outcome]() for t in targets}
    began = time.monotonic()
    with survivors.open("w", encoding="utf-8") as file:

        def tell(mutant: Mutant, outcome: Outcome) -> None:
            counts[target_of(mutant.path).source][outcome] += 1
            if outcome is Outcome.SURVIVED:
                file.write(mutant.diff() + "\n\n")
                file.flush()

        plugin = MutantPlugin(
            [f for t in targets for f in t.files()],
            [m for t in targets for m in chosen[t.source]],
            lambda path: target_of(path).tests,
            tell,
            limit_s,
        )
        runner.run(plugin, [test for t in targets for test in t.tests], LEFT_OUT)
    if plugin.failing:
        say(f"without a mutant these tests fail: {', '.join(plugin.failing)}")
        return 1
    say(f"{'package':24} {'mutants':>8} {'killed':>8} {'survived':>8} {'timed out':>9} {'killed':>8}")
    shares = [line(name, count) for name, count in counts.items()]
    say(f"{time.monotonic() - began:.0f} s; survivors: {survivors}")
    return int(min(shares) < MIN_KILLED)


def line(name: str, count: Counter[Outcome]) -> float:
    """Print the figures of a package and return the share of killed mutants; a mutant that timed out is killed."""
    killed, survived, late = count[Outcome.KILLED], count[Outcome.SURVIVED], count[Outcome.TIMED_OUT]
    every = killed + survived + late
    share = (killed + late) / every if every else 0.0
    say(f"{name:24} {every:8} {killed:8} {survived:8} {late:9} {share:8.1%}")
    return share


def named(survivors: Path) -> int:
    mutants = [m.mutant() for m in NAMED]
    tests = {m.path: m.tests for m in NAMED}
    titles: dict[str, Outcome] = {}
    plugin = MutantPlugin(
        [ROOT / path for path in tests], mutants, lambda path: tests[path],
        lambda mutant, outcome: titles.__setitem__(mutant.title, outcome),
    )  # fmt: skip
    runner.run(plugin, sorted({t for of in tests.values() for t in of}), LEFT_OUT)
    for title, outcome in titles.items():
        say(f"{outcome:10} {title}")
    survivors.write_text("\n\n".join(m.diff() for m in mutants if titles.get(m.title) is Outcome.SURVIVED))
    for name in plugin.failing:
        say(f"fails without a mutant: {name}")
    return int(len(titles) < len(mutants) or any(o not in (Outcome.KILLED, Outcome.TIMED_OUT) for o in titles.values()))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
