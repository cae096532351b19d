"""Where an agent stands is found without importing anything, and what a run was given is read back as it was."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agentkit import Agent, RunLimits, Settings, errors
from agentkit.agent.keeper import Origin
from agentkit.durable import origin
from agentkit.durable.origin import given_of, source_of, terms_of

SHOP = 'from agentkit import Agent\n\nagent = Agent("openai:gpt-4o")\n'


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a file below the working directory under a name, as an import or a script does."""
    monkeypatch.chdir(tmp_path)

    def load(file, name):
        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SHOP, encoding="utf-8")
        inside = [str(path.parent)] if path.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(name, path.absolute(), submodule_search_locations=inside)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize(
    ("file", "name", "place"),
    [
        ("shop.py", "shop", "shop:agent"),
        ("shop/agents.py", "shop.agents", "shop.agents:agent"),
        ("src/shop/agents.py", "shop.agents", "shop.agents:agent"),
        ("shop/__init__.py", "shop", "shop:agent"),
        ("jobs/shop.py", "shop", "jobs/shop.py:agent"),
        ("shop.py", "_file_shop", "shop.py:agent"),
        ("shop-3.py", "shop-3", "shop-3.py:agent"),
        ("venv/site-packages/shop.py", "shop", "shop:agent"),
        ("../shop.py", "shop", "shop:agent"),
        ("../shop.py", "_file_shop", None),
    ],
)
def test_an_agent_is_named_by_its_module_or_by_its_file_below_the_working_directory(load, file, name, place):
    assert source_of(Origin(load(file, name).agent)) == place


@pytest.mark.parametrize("name", ["__main__", "__mp_main__"])
@pytest.mark.parametrize(
    ("file", "place"), [("shop.py", "shop.py:agent"), ("jobs/shop.py", "jobs/shop.py:agent"), ("../shop.py", None)]
)
def test_an_agent_of_a_script_is_named_by_its_file(load, monkeypatch, name, file, place):
    module = load(file, name)
    monkeypatch.delitem(vars(module), "__spec__")
    assert source_of(Origin(module.agent)) == place


def test_an_agent_of_a_module_that_is_run_is_named_by_that_module(load):
    module = load("shop.py", "__main__")
    module.__spec__.name = "jobs.shop"  # python -m jobs.shop
    assert source_of(Origin(module.agent)) == "jobs.shop:agent"


def test_of_several_names_it_is_that_of_the_module_that_was_imported_last(load):
    user, shop = load("user.py", "user"), load("shop.py", "shop")
    user.agent = shop.agent
    assert source_of(Origin(shop.agent)) == "shop:agent"


@pytest.mark.parametrize("name", ["agent", "an agent"])
def test_a_module_without_a_file_and_a_name_that_is_none_say_nothing(monkeypatch, name):
    module = ModuleType("made")
    monkeypatch.setitem(sys.modules, "made", module)
    vars(module)[name] = agent = Agent("openai:gpt-4o")
    assert source_of(Origin(agent)) is None


def test_an_agent_that_a_function_made_and_a_copy_have_no_place(load):
    assert source_of(Origin(load("shop.py", "shop").agent.replace(name="b"))) is None
    assert source_of(Origin(None)) is None
    assert source_of(None) is None


def test_without_a_working_directory_nothing_is_said(load, tmp_path, monkeypatch):
    agent = load("shop.py", "shop").agent
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert source_of(Origin(agent)) is None


def test_nothing_is_imported_or_asked_by_the_search(load, monkeypatch):
    class Lazy(ModuleType):
        def __getattribute__(self, name):
            raise AssertionError(name)

    class Odd:
        @property
        def __class__(self):
            raise AssertionError

        def __eq__(self, other):
            raise AssertionError

        __hash__ = None

    agent = load("shop.py", "shop").agent
    monkeypatch.setitem(sys.modules, "lazy", Lazy("lazy"))
    monkeypatch.setitem(sys.modules, "odd", Odd())
    monkeypatch.setitem(sys.modules, "gone", None)
    holder = ModuleType("holder")
    holder.agent = Odd()
    monkeypatch.setitem(sys.modules, "holder", holder)
    assert source_of(Origin(agent)) == "shop:agent"


def test_an_agent_is_looked_for_once_and_forgotten_with_it(load, monkeypatch):
    module = load("shop.py", "shop")
    agent, other = module.agent, module.agent.replace(name="b")
    assert (source_of(Origin(agent)), source_of(Origin(other))) == ("shop:agent", None)
    monkeypatch.setattr(origin, "_search", None)
    assert (source_of(Origin(agent)), source_of(Origin(other))) == ("shop:agent", None)
    key = id(other)
    assert key in origin._found
    del other
    assert key not in origin._found


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        (None, None),
        (Settings(temperature=0.5, stop=["a"]), None),
        (Settings(temperature=None), None),
        (
            Settings(extra_body={"top_k": (1, 2)}, check_contract=False, tool_choice="look"),
            RunLimits(turns=3, cost=0.5),
        ),
    ],
)
def test_what_a_run_was_given_is_read_back(settings, limits):
    given = given_of(Origin(None, settings, limits))
    read, bounds = terms_of(given)
    assert (given_of(Origin(None, read, bounds)), bounds) == (given, limits)
    agent = Settings(temperature=0.1, seed=3)
    assert agent.merge(read).to_dict() == agent.merge(settings).to_dict()


def test_headers_are_not_written():
    given = given_of(Origin(None, Settings(seed=3, extra_headers={"x-key": "secret"})))
    assert given == {"settings": {"seed": 3}}


def test_nothing_given_is_nothing():
    assert given_of(None) == given_of(Origin(None)) == {}


def test_limits_of_a_later_release_are_left_out():
    assert terms_of({"limits": {"turns": 3, "smiles": 2}}) == (None, RunLimits(turns=3))


@pytest.mark.parametrize("given", [{"settings": {"temperature": "hot"}}, {"limits": {"turns": -1}}, {"limits": 3}])
def test_what_cannot_be_read_is_an_error(given):
    with pytest.raises(errors.StateError) as caught:
        terms_of(given)
    assert str(caught.value).startswith("The settings and limits of a run cannot be read from its record: ")


def test_the_text_of_what_cannot_be_read():
    with pytest.raises(errors.StateError) as caught:
        terms_of({"limits": 3})
    assert str(caught.value) == (
        "The settings and limits of a run cannot be read from its record: 'int' object has no attribute 'items'."
    )
