"""Names that are close to one that is not there."""

from pathlib import Path

import pytest

from agentkit.cli.likeness import close_file, close_module, close_to, is_file


@pytest.mark.parametrize(
    ("wanted", "names", "told"),
    [
        ("agnt", ["Agent", "agent", "tool"], " Close to it: agent, Agent."),
        ("pay", ["play", "way", "day", "say"], " Close to it: play."),
        (
            "order-41",
            ["order-42", "order-4", "ordre-41", "order-412", "x"],
            " Close to it: order-412, order-4, order-42.",
        ),
        ("report", ["repeat", "test", "ported"], ""),
        ("x", [], ""),
    ],
)
def test_the_closest_are_told_first_and_no_name_that_is_merely_alike(wanted, names, told):
    assert close_to(wanted, names) == told


def test_files_are_compared_by_their_names_alone(tmp_path):
    folder = tmp_path / "a_long_name_that_all_have"
    (folder / "weather.py").mkdir(parents=True)
    for name in ("weathers.py", "weathers.py-wal", "try.py", "whether, or not.py"):
        (folder / name).write_text("")
    assert close_file(folder / "weather.py") == f" Close to it: {folder}/weathers.py."
    assert close_file(folder / "gone" / "weather.py") == ""
    assert close_file(folder / ("x" * 5000) / "y.py") == ""


def test_modules_are_looked_for_beside_each_part_of_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop" / "empty").mkdir(parents=True)
    for name in ("shop/__init__.py", "shop/agents.py", "shops.py", "a-shop.py"):
        (tmp_path / name).write_text("")
    assert close_module("shp") == " Close to it: shop, shops."
    assert close_module("shop.agnts") == " Close to it: shop.agents."
    assert close_module("shop.empti") == ""
    assert close_module("x" * 5000 + ".y") == ""


def test_a_name_that_no_file_can_have_is_no_file(tmp_path):
    (tmp_path / "a").write_text("")
    assert is_file(tmp_path / "a")
    assert not is_file(tmp_path)
    assert not is_file(Path("x" * 5000))
    assert not is_file("a\0b")
