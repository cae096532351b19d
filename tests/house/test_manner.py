"""Habits that are code: heads, names, `__all__`, errors that are swallowed, reasons on the line."""

import ast
import re

NAMES = re.compile(r"(?:Manager|Handler|Helper|Utils?|Base)$|^Base[A-Z]")
MODULES = {"manager", "handler", "helper", "helpers", "util", "utils", "base", "common", "misc"}
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)")
REASONED = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|(?:type|pyright):\s*ignore\[[\w, -]+\])\s+#?\s*(?!#)\S+\s+\S+"
)
LATER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def public(source):
    """Functions and classes of a module that bear a public name."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in source.tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def exported(source):
    """The names in `__all__`; None where there is none."""
    for node in source.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets) and node.value is not None:
            return [element.value for element in getattr(node.value, "elts", ())]
    return None


def known(source):
    """Every name that a module binds at its top, under `if TYPE_CHECKING` too."""
    names = set()
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(name.asname or name.name).split(".")[0] for name in node.names}
    return names


def rank(name):
    """Order names as ruff does: constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_modules_begin_with_a_sentence(package):
    heads = [(source, ast.get_docstring(source.tree) or "") for source in package]
    found = [source.at(1) for source, head in heads if len(head.split()) < 4]
    assert not found, "\n".join([*found, "say what is born here, who uses it, what it must not know"])


def test_public_names_are_in_a_sorted_all(package):
    found = []
    for source in package:
        names = exported(source)
        missing = [node.name for node in public(source) if node.name not in (names or ())]
        if missing and source.path.name != "__main__.py":
            found.append(f"{source.at(1)}: {missing} in no __all__: add them, or name them _x")
        if names != sorted(names or (), key=rank) and names is not None:
            found.append(f"{source.at(1)}: __all__ is not sorted: run ruff check --fix")
        strange = set(names or ()) - known(source)
        if strange and source.name != "agentkit/__init__.py":
            found.append(f"{source.at(1)}: {sorted(strange)} of __all__ are not here")
    assert not found, "\n".join(found)


def test_private_names_stay_in_their_module(package):
    found = [
        f"{source.at(node)}: {name.name} of {node.module} is private: give it a public name there"
        for source in package
        for node in source.nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agentkit")
        for name in node.names
        if name.name.startswith("_") and not name.name.startswith("__")
    ]
    assert not found, "\n".join(found)


def test_files_and_classes_have_names_of_the_domain(package):
    found = []
    for source in package:
        stem = source.path.stem
        if not stem.startswith("__") and ("_" in stem or stem in MODULES):
            found.append(f"{source.name}: name the module by what is born there, without underscore")
        for node in source.nodes:
            if isinstance(node, ast.ClassDef) and NAMES.search(node.name.lstrip("_")):
                found.append(f"{source.at(node)}: {node.name}: name the thing, not the helper")
    assert not found, "\n".join(found)


def is_broad(kind):
    names = {"Exception", "BaseException"}
    parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(part, ast.Name) and part.id in names for part in parts)


def test_no_error_is_swallowed(package):
    found = []
    for source in package:
        for node in source.nodes:
            if isinstance(node, ast.ExceptHandler):
                empty = all(isinstance(one, ast.Pass | ast.Continue) for one in node.body)
                if node.type is None or (empty and is_broad(node.type)):
                    found.append(f"{source.at(node)}: name the errors that are meant")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("suppress")
                and any(map(is_broad, node.args))
            ):
                found.append(f"{source.at(node)}: name the errors that are meant")
    assert not found, "\n".join(found)


def test_only_the_command_line_prints(package):
    found = [
        f"{source.at(node)}: raise, return, or log; only cli/ prints"
        for source in package
        if not source.name.startswith("agentkit/cli/")
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found, "\n".join(found)


def test_silenced_checks_bear_a_code_and_a_reason(package, tests, examples):
    found = [
        f"{source.at(line)}: {text}: write the code and, after it, the reason"
        for source in [*package, *tests, *examples]
        for line, text in source.comments
        if SILENCED.search(text) and not REASONED.search(text)
    ]
    assert not found, "\n".join(found)


def test_what_is_left_to_do_has_an_address(package, tests, examples):
    found = [
        f"{source.at(line)}: {text}: add the address of its issue"
        for source in [*package, *tests, *examples]
        for line, text in source.comments
        if LATER.search(text) and not re.search(r"https?://|#\d+", text)
    ]
    assert not found, "\n".join(found)


def test_tests_do_not_sleep(tests):
    found = []
    for source in tests:
        for node in source.nodes:
            named = (
                isinstance(node, ast.ImportFrom) and node.module == "time" and "sleep" in {n.name for n in node.names}
            )
            if named or (isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"):
                found.append(f"{source.at(node)}: wait for an event in place of a time")
    assert not found, "\n".join(found)


def test_pydantic_models_are_built_late(package):
    found = [
        f"{source.at(node)}: {node.name}: write model_config = ConfigDict(frozen=True, defer_build=True)"
        for source in package
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(one) in {"BaseModel", "pydantic.BaseModel"} for one in node.bases)
        and "defer_build" not in ast.unparse(node)
    ]
    assert not found, "\n".join(found)
