"""`python -m scripts.extensions`; the package's docstring says what it does."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from . import __doc__ as usage
from .patches import Patch, read_patches
from .proving import Proof, prove
from .scratch import as_it_is_now, scratch_copy

AT_ONCE = 2
"""Scratch copies; each keeps one core busy."""


def main(arguments: Sequence[str] | None = None) -> int:
    patches = {patch.name: patch for patch in read_patches()}
    parser = argparse.ArgumentParser(
        prog="python -m scripts.extensions", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(patches)} (default: all)")
    names = parser.parse_args(arguments).names or list(patches)
    if unknown := [name for name in names if name not in patches]:
        parser.error(f"no extension is called {', '.join(unknown)}; there are {', '.join(patches)}")
    proofs = _prove([patches[name] for name in names])
    problems = [problem for proof in proofs for problem in proof.problems]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _prove(patches: Iterable[Patch]) -> list[Proof]:
    """The outcome of each, which is printed as soon as it is there."""
    commit = as_it_is_now()

    def in_a_copy_of_its_own(patch: Patch) -> Proof:
        with scratch_copy(commit) as scratch:
            proof = prove(patch, scratch)
        print("\n".join(lines(proof)), flush=True)
        return proof

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(in_a_copy_of_its_own, patches))


def lines(proof: Proof) -> Iterable[str]:
    """The extension with what it touches, and below it its parts with who notices that one is missing."""
    patch = proof.patch
    tests = sum(change.tests for change in patch.changes)
    verdict = "failed" if proof.problems else "passed"
    yield f"{patch.name}: {verdict}; {len(patch.product)} files of the product (aim: {patch.aim}), {tests} of tests"
    widest = max(len(str(each.hunk)) for each in proof.missed) if proof.missed else 0
    for each in proof.missed:
        yield f"  without {str(each.hunk).ljust(widest)}  {each.noticed_by or 'NOBODY NOTICES'}"


if __name__ == "__main__":
    sys.exit(main())
