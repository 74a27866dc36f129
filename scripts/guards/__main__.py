"""`python -m scripts.guards`; the package's docstring says what it does."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.extensions.scratch import commit_of_checkout, scratch_copy

from . import __doc__ as usage
from .proving import Proof, prove, run_with_all_guards
from .table import Guard, read_table

AT_ONCE = 2
"""Scratch copies; each keeps one core busy."""


def main(arguments: Sequence[str] | None = None) -> int:
    guards = {guard.name: guard for guard in read_table().guard}
    parser = argparse.ArgumentParser(
        prog="python -m scripts.guards", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(guards)} (default: all)")
    names = parser.parse_args(arguments).names or list(guards)
    if unknown := [name for name in names if name not in guards]:
        parser.error(f"no guard is called {', '.join(unknown)}; there are {', '.join(guards)}")
    proofs = _prove([guards[name] for name in names])
    if proofs is None:
        return 1
    problems = [proof.problem for proof in proofs if proof.problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _prove(guards: Sequence[Guard]) -> list[Proof] | None:
    """The proof of each guard, printed as soon as it is there; None if the tests fail with every guard in place."""
    commit = commit_of_checkout()
    shares = [guards[start::AT_ONCE] for start in range(AT_ONCE) if guards[start::AT_ONCE]]
    widest = max(len(guard.name) for guard in guards)
    print(f"the tests of {len(guards)} guards, with every guard in place", file=sys.stderr)

    def prove_share(share: Sequence[Guard]) -> list[Proof] | None:
        proofs = []
        with scratch_copy(commit) as scratch:
            result = run_with_all_guards(scratch, share)
            if not result.passed:
                print(f"the tests fail with every guard in place:\n{result.end}", file=sys.stderr)
                return None
            for guard in share:
                proofs.append(prove(scratch, guard))
                print(_line(proofs[-1], widest), flush=True)
        return proofs

    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(prove_share, shares))
    complete_parts = [part for part in parts if part is not None]
    if len(complete_parts) < len(parts):
        return None
    return [proof for part in complete_parts for proof in part]


def _line(proof: Proof, widest: int) -> str:
    guard = proof.guard
    verdict = "red without it" if proof.red else "STAYS GREEN"
    return f"{guard.name.ljust(widest)}  {', '.join(guard.findings).ljust(10)}  {verdict}  {guard.tests[0]}"


if __name__ == "__main__":
    sys.exit(main())
