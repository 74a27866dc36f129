"""Runs a compiled pipeline here as a Microsoft-hosted machine would: stages, conditions, macros, scripts, outputs.

Steps of `bash` and the script of `AzureCLI@2` are real processes. `AzureKeyVault@2` sets its secrets from `vault`,
`PublishToAzureServiceBus@2` puts its body into `messages`; tasks that only inform the service do nothing here.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .expressions import Scope, evaluate, truth

MACRO = re.compile(r"\$\(([^()]+)\)")
RUNTIME = re.compile(r"^\$\[(.*)\]$")
COMMAND = re.compile(r"^##vso\[(?P<name>[\w.]+) ?(?P<properties>[^\]]*)\](?P<value>.*)$")
ESCAPES = {"%0D": "\r", "%0A": "\n", "%AZP25": "%"}
SECONDS = 120


@dataclass
class Machine:
    """One run of a pipeline."""

    workspace: Path
    sources: dict[str, Path]
    """The folder that a `checkout` of each repository copies."""
    variables: dict[str, str]
    vault: dict[str, str] = field(default_factory=dict)
    skipped_steps: frozenset[str] = frozenset()
    """Display names of steps that are left out, because they need the internet."""
    passed_stages: frozenset[str] = frozenset()
    """Stages that are left out and count as succeeded, because another test runs them."""
    environment: dict[str, str] = field(default_factory=dict)
    """Put over this process's environment: a PATH with other programs, for instance."""
    messages: list[str] = field(default_factory=list)
    build_tags: list[str] = field(default_factory=list)
    attachments: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    """For each attachment: the display name of its step, its type, its name and its content."""
    failed_steps: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    results: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """`result` and `outputs` of each job, by stage."""

    def run(self, pipeline: dict[str, Any]) -> dict[str, str]:
        """The result of each stage."""
        stage_results: dict[str, str] = {}
        for stage in pipeline["stages"]:
            if stage["stage"] in self.passed_stages:
                stage_results[stage["stage"]] = self._leave_out(stage, "Succeeded")
                continue
            before = stage.get("dependsOn", list(stage_results)[-1:])
            succeeded = all(stage_results[name] == "Succeeded" for name in before)
            should_run = self._condition(stage.get("condition", "succeeded()"), succeeded=succeeded)
            stage_results[stage["stage"]] = self._stage(stage) if should_run else self._leave_out(stage, "Skipped")
        return stage_results

    def _stage(self, stage: dict[str, Any]) -> str:
        jobs = self.results[stage["stage"]] = {}
        for job in stage["jobs"]:
            waits_for = [job["dependsOn"]] if "dependsOn" in job else []
            if all(jobs[name]["result"] == "Succeeded" for name in waits_for):
                jobs[job["job"]] = self._job(job, jobs)
            else:
                jobs[job["job"]] = {"result": "Skipped", "outputs": {}}
        return "Succeeded" if all(job["result"] == "Succeeded" for job in jobs.values()) else "Failed"

    def _leave_out(self, stage: dict[str, Any], result: str) -> str:
        self.results[stage["stage"]] = {job["job"]: {"result": result, "outputs": {}} for job in stage["jobs"]}
        return result

    def _job(self, job: dict[str, Any], siblings: dict[str, dict[str, Any]]) -> dict[str, Any]:
        home = self.workspace / job["job"]
        for folder in (home, home / "a"):
            folder.mkdir(parents=True)
        variables = {
            **self.variables,
            "Pipeline.Workspace": str(home),
            "Build.ArtifactStagingDirectory": str(home / "a"),
        }
        scope = Scope({"stageDependencies": self.results, "dependencies": siblings}, lenient=True)
        for name, text in job.get("variables", {}).items():
            match = RUNTIME.match(text)
            variables[name] = str(evaluate(match[1], scope) or "") if match else text
        outputs: dict[str, str] = {}
        succeeded = True
        for step in job["steps"]:
            if step.get("displayName") in self.skipped_steps:
                continue
            should_run = self._condition(step.get("condition", "succeeded()"), succeeded=succeeded)
            if should_run and not self._step(step, home, variables, outputs):
                self.failed_steps.append(step.get("displayName", ""))
                succeeded = False
        return {"result": "Succeeded" if succeeded else "Failed", "outputs": outputs}

    def _condition(self, text: str, *, succeeded: bool) -> bool:
        scope = Scope(
            {
                "variables": self.variables,
                "succeeded": lambda: succeeded,
                "succeededOrFailed": lambda: True,
                "canceled": lambda: False,
            },
            lenient=True,
        )
        return truth(evaluate(text, scope))

    def _step(self, step: dict[str, Any], home: Path, variables: dict[str, str], outputs: dict[str, str]) -> bool:
        inputs = step.get("inputs", {})
        if "checkout" in step:
            ignored = shutil.ignore_patterns("__pycache__", ".*", "node_modules")
            shutil.copytree(self.sources[step["checkout"]], home / step["path"], ignore=ignored)
            return True
        if "bash" in step:
            return self._script(step, step["bash"], step.get("workingDirectory"), variables, outputs)
        if "publish" in step:
            return Path(replaced(str(step["publish"]), variables)).is_file()
        match step["task"]:
            case "AzureCLI@2":
                return self._script(step, inputs["inlineScript"], inputs["workingDirectory"], variables, outputs)
            case "AzureKeyVault@2":
                variables.update({name: self.vault[name] for name in inputs["SecretsFilter"].split(",")})
            case "PublishToAzureServiceBus@2":
                self.messages.append(replaced(inputs["messageBody"], variables))
        return True

    def _script(
        self, step: dict[str, Any], script: str, folder: str | None, variables: dict[str, str], outputs: dict[str, str]
    ) -> bool:
        inherited = {
            name.upper().replace(".", "_"): value for name, value in variables.items() if name not in self.vault
        }
        mapped = {name: replaced(value, variables) for name, value in step.get("env", {}).items()}
        process = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", replaced(script, variables)],
            cwd=replaced(folder, variables) if folder else None,
            env={**os.environ, "PATH": path(), **inherited, **mapped, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        self.log += process.stdout.splitlines()
        for line in process.stdout.splitlines():
            if match := COMMAND.match(line):
                self._command(match, step, variables, outputs)
        return process.returncode == 0

    def _command(
        self, match: re.Match[str], step: dict[str, Any], variables: dict[str, str], outputs: dict[str, str]
    ) -> None:
        value = re.sub("|".join(ESCAPES), lambda escape: ESCAPES[escape[0]], match["value"])
        if match["name"] == "build.addbuildtag":
            self.build_tags.append(value)
        elif match["name"] == "task.addattachment":
            attachment = dict(part.split("=", 1) for part in match["properties"].split(";"))
            self.attachments.append(
                (step.get("displayName", ""), attachment["type"], attachment["name"], Path(value).read_bytes())
            )
        elif match["name"] == "task.setvariable":
            properties = dict(part.split("=", 1) for part in match["properties"].split(";"))
            name = f"{step['name']}.{properties['variable']}"
            variables[name] = outputs[name] = value


def replaced(text: str, variables: dict[str, str]) -> str:
    """The text with its macros replaced repeatedly, as the service does; unknown ones stay."""
    by_name = {name.casefold(): value for name, value in variables.items()}
    for _ in range(10):
        after = MACRO.sub(lambda macro: by_name.get(macro[1].casefold(), macro[0]), text)
        if after == text:
            break
        text = after
    return text


def path() -> str:
    """The PATH, with this Python and its tools first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
