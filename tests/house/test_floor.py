"""The floors of the house: arrows run down, nothing goes round in circles, folders are two deep."""

import graphlib
import re
from pathlib import Path

FLOORS = {
    "errors": 1,
    "kind": 1,
    "secret": 1,
    "sqlite": 1,
    "wire": 2,
    "schema": 2,
    "price": 2,
    "media": 3,
    "model": 3,
    "tools": 3,
    "output": 4,
    "session": 4,
    "http": 4,
    "local": 4,
    "state": 4,
    "providers": 5,
    "many": 5,
    "agent": 6,
    "around": 6,
    "guard": 7,
    "durable": 7,
    "doctor": 7,
    "observe": 7,
    "testing": 7,
    "mcp": 7,
    "web": 7,
    "cli": 8,
    "agentkit": 8,  # the face, agentkit/__init__.py
    "__main__": 9,
}


def room(module):
    """Name the folder or module right under the package that a module lies in."""
    _, _, below = module.partition(".")
    return below.split(".")[0] or "agentkit"


def own_imports(source):
    return [one for one in source.imports if one.target == "agentkit" or one.target.startswith("agentkit.")]


def test_every_folder_and_module_has_a_floor(package):
    unknown = sorted({room(source.module) for source in package} - set(FLOORS))
    assert not unknown, f"{unknown} stand on no floor: put them in the design's house and in FLOORS here"


def test_the_readme_shows_the_floors(package):
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    _, _, text = " ".join(text.split()).partition("They stand on floors:")
    shown = [re.findall(r"`(\w+)`", floor) for floor in text.partition(" A folder imports")[0].split(";")]
    built = {room(source.module) for source in package} & FLOORS.keys() - {"agentkit", "__main__"}
    floors = sorted({FLOORS[name] for name in built})
    assert shown == [[name for name in FLOORS if FLOORS[name] == floor and name in built] for floor in floors]


def test_a_folder_imports_lower_floors_only(package):
    found = []
    for source in package:
        here = room(source.module)
        for one in own_imports(source):
            there = room(one.target)
            if there != here and FLOORS.get(there, 0) >= FLOORS.get(here, 99):
                found.append(
                    f"{source.at(one.line)}: {here} (floor {FLOORS.get(here)}) imports {one.target} "
                    f"(floor {FLOORS.get(there)}): move what is needed down, or hand it in"
                )
    assert not found, "\n".join(found)


def test_no_modules_import_each_other_in_a_circle(package):
    graph = {source.module: {one.target for one in own_imports(source)} - {source.module} for source in package}
    circle = []
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1]
    assert not circle, f"a circle of imports: {' <- '.join(circle)}: move what both need to a module below"


def test_imports_are_absolute(package):
    found = [source.at(one.line) for source in package for one in source.imports if one.relative]
    assert not found, "\n".join([*found, "write the whole name: from agentkit.wire.message import Message"])


def test_folders_are_at_most_two_deep(package):
    found = [source.name for source in package if source.name.count("/") > 2]
    assert not found, f"{found}: one folder under agentkit is the deepest"
