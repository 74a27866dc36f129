"""`python -m scripts.extensions`; the package's docstring says what it does."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from . import __doc__ as usage
from .patches import Patch, read_patches
from .proving import Proof, prove
from .scratch import commit_of_checkout, scratch_copy

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
    """The proof of each patch, printed as soon as it is there."""
    commit = commit_of_checkout()

    def prove_in_a_copy(patch: Patch) -> Proof:
        with scratch_copy(commit) as scratch:
            proof = prove(patch, scratch)
        print("\n".join(lines(proof)), flush=True)
        return proof

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(prove_in_a_copy, patches))


def lines(proof: Proof) -> Iterable[str]:
    """A line for the extension and what it touches, then one for each part and for what notices that it is missing."""
    patch = proof.patch
    tests = sum(change.is_test for change in patch.changes)
    verdict = "failed" if proof.problems else "passed"
    yield f"{patch.name}: {verdict}; {len(patch.product)} files of the product (aim: {patch.aim}), {tests} of tests"
    widest = max(len(str(omission.hunk)) for omission in proof.omissions) if proof.omissions else 0
    for omission in proof.omissions:
        yield f"  without {str(omission.hunk).ljust(widest)}  {omission.noticed_by or 'NOBODY NOTICES'}"


if __name__ == "__main__":
    sys.exit(main())
