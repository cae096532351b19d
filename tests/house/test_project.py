"""The project's face and its papers."""

import re
import tomllib

FACE = [
    "Agent",
    "Approve",
    "Budget",
    "ChatModel",
    "Context",
    "Deny",
    "Give",
    "Model",
    "OutputSpec",
    "Price",
    "Result",
    "RunLimits",
    "RunState",
    "Settings",
    "Tool",
    "ToolResult",
    "ToolRetry",
    "Toolbox",
    "errors",
    "extract",
    "extract_sync",
    "handoff",
    "tool",
]

CORE = {"httpx", "httpcore", "sniffio", "pydantic", "typing-extensions", "docstring-parser", "tenacity", "structlog"}

# Built here of two parts, so that this file does not hold what it looks for.
MACHINE = re.compile("|".join(f"/{folder}/" for folder in ("work", "root", "home/[a-z]", "Users/[A-Za-z]")))
KINDS = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".jsonl", ".sh", ".txt", ".cfg", ".svg", ".html"}


def test_the_face_is_a_decision():
    import agentkit

    assert list(agentkit.__all__) == FACE
    missing = [name for name in FACE if not hasattr(agentkit, name)]
    assert not missing, f"agentkit.__all__ names {missing}, which agentkit does not have"


def test_the_core_depends_on_these_libraries_and_no_other(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[^A-Za-z0-9_.-]", wanted, maxsplit=1)[0] for wanted in project["dependencies"]]
    assert {name.lower().replace("_", "-") for name in names} == CORE


def test_no_file_names_a_place_on_one_machine(root):
    folders = ("agentkit", "tests", "docs", "examples", ".ci", ".github")
    files = [path for folder in folders for path in (root / folder).rglob("*")]
    files += [path for path in root.iterdir() if not path.name.startswith(".")]
    found = [
        f"{path.relative_to(root).as_posix()}:{number}: {line.strip()[:80]}"
        for path in sorted(files)
        if path.is_file() and (path.suffix in KINDS or not path.suffix)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not found, "\n".join([*found, "name places relative to the project or by a temporary folder"])


def test_the_papers_are_there(root):
    wanted = ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".gitignore", ".ci/run", "agentkit/py.typed")
    missing = [name for name in wanted if not (root / name).exists()]
    assert not missing, f"missing: {missing}"
