"""The tests mirror the package."""

_ERRORS = "the tree has tests/test_errors.py, and each text is asserted where it is raised"

ELSEWHERE = {
    "agentkit/errors/api.py": _ERRORS,
    "agentkit/errors/root.py": _ERRORS,
    "agentkit/errors/configuration.py": _ERRORS,
    "agentkit/errors/model.py": _ERRORS,
    "agentkit/errors/run.py": _ERRORS,
}
"""Modules without a test file of their own, each with the reason."""


def test_every_module_has_its_tests(package, root):
    found = []
    for source in package:
        if source.path.stem.startswith("__") or source.name in ELSEWHERE:
            continue
        folder = root / "tests" / source.path.parent.relative_to(root / "agentkit")
        stem = source.path.stem
        if not (folder / f"test_{stem}.py").exists() and not any(folder.glob(f"test_{stem}_*.py")):
            found.append(f"{source.name}: write {(folder / f'test_{stem}.py').relative_to(root).as_posix()}")
    assert not found, "\n".join(found)


def test_the_list_of_exceptions_names_modules_that_exist(root):
    gone = [name for name in ELSEWHERE if not (root / name).exists()]
    assert not gone, f"{gone} are no modules: take them off the list"
