"""The workflows as data, and their scripts as GitHub runs them: `bash -eo pipefail` with files for what they say."""

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
ACTION = ROOT / "action.yml"


def read(path):
    """Return a workflow; YAML 1.1 takes its key `on` for a truth value."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


def workflows():
    return {path.stem: read(path) for path in sorted(WORKFLOWS.glob("*.yml"))}


def step_of(workflow, job, name):
    steps = read(WORKFLOWS / f"{workflow}.yml")["jobs"][job]["steps"]
    (step,) = [step for step in steps if step.get("name") == name]
    return step


def scripts():
    """Yield (where, script) for every `run` of the workflows and the action."""
    for name, workflow in workflows().items():
        for job, content in workflow["jobs"].items():
            for step in content["steps"]:
                if "run" in step:
                    yield f"{name}/{job}/{step.get('name')}", step["run"]
    for step in read(ACTION)["runs"]["steps"]:
        if "run" in step:
            yield f"action/{step['name']}", step["run"]


class Machine:
    """A checkout on a machine of GitHub's: where its scripts run, and what they leave."""

    def __init__(self, folder, programs, **variables):
        self.folder, self.temp = folder, folder.parent / f"{folder.name}-temp"
        self.temp.mkdir(parents=True, exist_ok=True)
        self.output, self.summary = self.temp / "outputs.txt", self.temp / "summary.md"
        self._variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MATRIXSCAN_", "NOX_"))},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_REPOSITORY": "owner/project",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "900",
            "GITHUB_WORKFLOW_REF": "owner/project/.github/workflows/nightly.yml@refs/heads/main",
            "NOX_SCRIPT_MODE": "none",
            "NO_COLOR": "1",
            **variables,
        }

    def run(self, script, **variables):
        """Run a script with the variables of its step; the outputs are those of this script alone."""
        self.output.write_text("")
        self.summary.touch()
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._variables | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def step(self, workflow, job, name, **variables):
        """Run a step; what its `env` says in expressions is to be given."""
        step = step_of(workflow, job, name)
        asked = {key for key, value in step.get("env", {}).items() if "${{" in str(value)}
        assert asked <= variables.keys(), asked - variables.keys()
        fixed = {key: str(value) for key, value in step.get("env", {}).items() if key not in asked}
        return self.run(step["run"], **fixed, **variables)

    @property
    def outputs(self):
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


def program(folder, name, text):
    """Write an executable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def expressions(text):
    """Return what stands between `${{` and `}}`."""
    return re.findall(r"\$\{\{(.*?)\}\}", text, re.DOTALL)
