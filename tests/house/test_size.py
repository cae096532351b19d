"""Small rooms: lines of a file, lines of a function, parameters."""

import ast

FILE = 350
FUNCTION = 40
PARAMETERS = 8

FACES = {
    *(
        "Agent.__init__",
        "Runner.run",
        "Runner.stream",
        "Runner.run_sync",
        "Runner.stream_sync",
        "Runner.map",
        "Runner.map_sync",
        "Runner.resume",
        "Runner.resume_sync",
        "Runner.resume_stream",
        "Runner.resume_stream_sync",
        "Journal.fork",
    ),
    *("ChatModel.__init__", "OutputSpec.__init__", "tool", "map"),
}
"""What people call with keywords; plain data values are dataclasses, whose fields are no parameters here."""


def functions(source):
    """Every function with its name, a method's after that of its class."""
    owner = {
        inner: node.name
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
        for inner in ast.iter_child_nodes(node)
    }
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, f"{owner[node]}.{node.name}" if node in owner else node.name


def is_overload(node):
    return any(ast.unparse(decorator) in {"overload", "typing.overload"} for decorator in node.decorator_list)


def test_files_are_short(package, examples):
    sizes = [(source, len(source.text.splitlines())) for source in [*package, *examples]]
    found = [f"{source.name}: {size} lines, at most {FILE}: split it" for source, size in sizes if size > FILE]
    assert not found, "\n".join(found)


def test_functions_are_short(package, examples):
    found = [
        f"{source.at(node)}: {name} has {node.end_lineno - node.lineno + 1} lines, at most {FUNCTION}: split it"
        for source in [*package, *examples]
        for node, name in functions(source)
        if node.end_lineno - node.lineno + 1 > FUNCTION
    ]
    assert not found, "\n".join(found)


def test_functions_have_few_parameters(package, examples):
    found = []
    for source in [*package, *examples]:
        for node, name in functions(source):
            parts = node.args
            named = [*parts.posonlyargs, *parts.args, *parts.kwonlyargs, parts.vararg, parts.kwarg]
            count = len([one for one in named if one and one.arg not in {"self", "cls"}])
            if count > PARAMETERS and name not in FACES and not is_overload(node):
                found.append(
                    f"{source.at(node)}: {name} has {count} parameters, at most {PARAMETERS}: make a value of them"
                )
    assert not found, "\n".join(found)
