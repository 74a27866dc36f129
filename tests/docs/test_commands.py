"""Every command in the docs exists, and every block that no test can run says what it needs."""

import shutil
import subprocess

import pytest

from tests.docs.commands import Block, blocks, blocks_of, commands, mistake_in, mistake_in_mention, spans

BLOCKS = list(blocks())
SHELL = [block for block in BLOCKS if block.language == "sh"]
TEXTS = frozenset({"text", "yaml", "json", "python", "mermaid", "kusto", "http", "bicep", "csv", "ini", "console"})


def test_every_code_block_names_its_language() -> None:
    assert [block.place for block in BLOCKS if block.language not in TEXTS | {"sh"}] == []


def test_every_title_of_a_shell_block_names_a_known_need() -> None:
    assert [f"{block.place}: {block.title}" for block in SHELL if block.title and not block.marked] == []


def test_a_command_that_no_test_can_run_says_what_it_needs() -> None:
    problems = [
        f"{b.place}: {problem}" for b in SHELL if not b.marked for c in commands(b) if (problem := mistake_in(c))
    ]
    assert problems == []


def test_commands_of_slipway_are_right_in_marked_blocks_too() -> None:
    problems = [
        f"{block.place}: {problem}"
        for block in SHELL
        if block.marked
        for line in block.body.splitlines()
        if line.split()[:1] == ["slipway"]
        for command in commands(Block(page=block.page, line=block.line, language="sh", title="", body=line))
        if command.is_slipway and (problem := mistake_in(command))
    ]
    assert problems == []


def test_commands_that_the_prose_mentions_exist() -> None:
    assert [f"{page}: `{words}`: {problem}" for page, words in spans() if (problem := mistake_in_mention(words))] == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_shell_can_read_every_block() -> None:
    for block in SHELL:
        process = subprocess.run(["bash", "-n"], input=block.body, capture_output=True, text=True, check=False)
        assert process.returncode == 0, f"{block.place}: {process.stderr}"


def _problems(body: str, info: str = "sh") -> list[str]:
    (block,) = blocks_of("page.md", f"```{info}\n{body}\n```\n")
    return [problem for command in commands(block) if (problem := mistake_in(command))]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("az login", "is run by no test"),
        ("make dmo", "no target 'dmo'"),
        ("slipway explian shop-1", "No such command 'explian'"),
        ("slipway releases --frobnicate", "No such option"),
        ("slipway explain", "Missing argument"),
        ("slipway releases && kubectl get pods", "'kubectl' is run by no test"),
        ("python3 -m no.such", "no module"),
        ('curl "$SLIPWAY_URL/api/v1/relaeses"', "no address 'api/v1/relaeses'"),
        ("curl https://example.com", "is run by no test"),
    ],
)
def test_a_wrong_command_is_noticed(body: str, complaint: str) -> None:
    (problem,) = _problems(body)
    assert complaint in problem


@pytest.mark.parametrize(
    "body",
    [
        "make demo ARGS=--json",
        'curl -H "x: $K" "$SLIPWAY_URL/api/v1/releases/a-1?limit=1"',
        "slipway --url https://x releases # all",
        "NO_COLOR=1 slipway audit verify > out.txt",
    ],
)
def test_a_right_command_passes(body: str) -> None:
    assert _problems(body) == []


@pytest.mark.parametrize(
    ("words", "complaint"), [("slipway expl shop-1", "no command"), ("slipway audit list --relaese X", "no option")]
)
def test_a_wrong_mention_is_noticed(words: str, complaint: str) -> None:
    assert complaint in (mistake_in_mention(words) or "")
