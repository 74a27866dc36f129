"""The meanings of words from docstrings in the code, for pages that are made from them."""

import ast
import inspect
from enum import Enum
from types import ModuleType


def of_members[Member: Enum](kind: type[Member]) -> dict[Member, str]:
    """Each member's meaning: its own, if the enum's members carry one, otherwise the text below it in the source.

    Raises ValueError for a member without either.
    """
    texts = _texts_below(kind)
    meanings = {member: str(getattr(member, "meaning", "") or texts.get(member.name, "")) for member in kind}
    undocumented = [member.name for member, meaning in meanings.items() if not meaning]
    if undocumented:
        raise ValueError(f"{kind.__name__}: no meaning is written below {', '.join(undocumented)}")
    return {member: " ".join(meaning.split()) for member, meaning in meanings.items()}


def first_paragraph(documented: type | ModuleType) -> str:
    """The first paragraph of a docstring; of a module's without the words before the colon, which name its subject."""
    text = " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())
    subject, colon, remainder = text.partition(": ")
    if isinstance(documented, ModuleType) and colon and len(subject.split()) <= _LONGEST_SUBJECT:
        text = remainder[0].upper() + remainder[1:]
    if not text:
        raise ValueError(f"{documented.__name__} has no docstring")
    return text


_LONGEST_SUBJECT = 3
"""Words; more before a colon are part of the sentence."""


def of_field(kind: type, name: str) -> str:
    """The text below a field in the source. Raises KeyError if there is none."""
    return " ".join(_texts_below(kind)[name].split())


def _texts_below(kind: type) -> dict[str, str]:
    (definition,) = (node for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    texts = dict[str, str]()
    for member, below in zip(definition.body, definition.body[1:], strict=False):
        match member, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = text
    return texts
