"""Docstrings of every style, well and badly written."""

import warnings

import pytest

from agentkit.schema import SchemaWarning, parse_docstring

NAMES = ("x", "y", "args")


def read(text, names=NAMES):
    return parse_docstring(text, names, where="Tool 'f'")


GOOGLE = """Do it.

    In two lines
    of text.

    Args:
        x (int, optional): The x
            goes on.
        y: The y, e.g. a: b.
        *args: The rest.

    Returns:
        str: A text.
    """
NUMPY = """Do it.

    In two lines
    of text.

    Parameters
    ----------
    x : int, optional
        The x
        goes on.
    y
        The y, e.g. a: b.
    *args
        The rest.

    Returns
    -------
    str
        A text.
    """
SPHINX = """Do it.

    In two lines
    of text.

    :param x: The x
        goes on.
    :type x: int
    :param dict of str y: The y, e.g. a: b.
    :param args: The rest.
    :returns: A text.
    :rtype: str
    """
EPYDOC = """Do it.

    In two lines
    of text.

    @param x: The x
        goes on.
    @type x: int
    @param y: The y, e.g. a: b.
    @param args: The rest.
    @return: A text.
    @rtype: str
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX, EPYDOC], ids=["google", "numpy", "sphinx", "epydoc"])
def test_each_style_gives_description_parameters_and_result(text):
    found = read(text)
    assert found.description == "Do it.\n\nIn two lines\nof text."
    assert found.params == {"x": "The x\ngoes on.", "y": "The y, e.g. a: b.", "args": "The rest."}
    assert found.returns == "A text."


@pytest.mark.parametrize(
    "text",
    [
        "Do it.\nArgs:\n    x: The x.\nReturns:\n    A text.",
        "Do it.\nParameters\n----------\nx : int\n    The x.\nReturns\n-------\nstr\n    A text.",
        "Do it.\n:param x: The x.\n:return: A text.",
        "Do it.\n@param x: The x.\n@return: A text.",
    ],
)
def test_missing_blank_lines_round_a_section_lose_nothing(text):
    assert (read(text).description, read(text).params, read(text).returns) == ("Do it.", {"x": "The x."}, "A text.")


@pytest.mark.parametrize(
    ("text", "returns"),
    [
        ("Returns:\n    A text.", "A text."),
        ("Returns:\n    str: A text.", "A text."),
        ("Returns:\n    dict[str, int]: A text\n        of two lines.", "A text\nof two lines."),
        ("Returns:\n    A text: this one.", "A text: this one."),
        ("Returns:\n    A text.\n        \n    More.   ", "A text.\n\nMore."),
        ("Returns:\n    str:", "str"),
        ("Returns:\n", None),
        ("Returns\n-------\nstr", "str"),
        ("Returns\n-------\nout : str\n    A text.", "A text."),
        (":return: A text.", "A text."),
    ],
)
def test_returns_are_read_with_and_without_type(text, returns):
    assert read(f"Do it.\n\n{text}").returns == returns


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("Args:\n    x: The x.\n  odd line\n    y: The y.", {"x": "The x.\nodd line", "y": "The y."}),
        ("Args:\n    x: The x.\n    a line without its mark\n    y: The y.", {"y": "The y."}),
        ("Args:\nx: The x.\ny: The y.\n\nAfter.", {"x": "The x.", "y": "The y."}),
        ("Parameters\n---\nx, y : int\n    Both.", {"x": "Both.", "y": "Both."}),
        ("Parameters\n----------\nx: int\n    The x.\nsome odd line\ny\n    The y.", {"x": "The x.", "y": "The y."}),
        (":param x: The x.\n:odd\n:param y: The y.", {"y": "The y."}),
        ("Args:\n    x (str, as `a:b`): The x.\n    y (dict[str: int]): The y.", {"x": "The x.", "y": "The y."}),
        (
            "Args:\n    x: The x,\n\n        more of it:\n          - deeper\n    y:\n        The y.",
            {"x": "The x,\nmore of it:\n  - deeper", "y": "The y."},
        ),
        ("Args:\n    x, y: Both.", {"x": "Both.", "y": "Both."}),
        ("Args:\n    `x`: The x.\n    **y: The y.", {"x": "The x.", "y": "The y."}),
        ("Args:\n    x: The x.\n\nKeyword Args:\n    y: The y.", {"x": "The x.", "y": "The y."}),
    ],
)
def test_one_odd_line_does_not_lose_the_parameters(text, params):
    assert read(f"Do it.\n\n{text}").params.items() >= params.items()


def test_styles_may_be_mixed():
    found = read(
        "Do it.\n\nArgs:\n    x: The x.\n\n:param y: The y.\n:return: A text.\n\nParameters\n----------\nargs\n    All."
    )
    assert found.params == {"x": "The x.", "y": "The y.", "args": "All."}
    assert (found.description, found.returns) == ("Do it.", "A text.")


def test_text_after_a_section_stays_in_the_description():
    assert (
        read("Do it.\n\nArgs:\n    x: The x.\nMore.\n\nNote:\n    Twice.").description
        == "Do it.\n\nMore.\n\nNote:\n    Twice."
    )
    assert read("Do it.\n\n:param x: The x.\n\nMore, by :class:`X`.").description == "Do it.\n\nMore, by :class:`X`."


def test_other_sections_are_left_out():
    text = "Do it.\n\nArgs:\n    x: The x.\n\nRaises:\n    ValueError: Always.\n\nExample:\n    >>> f(1)"
    assert read(text).description == "Do it."
    assert read("Do it.\n\nNotes\n-----\nLong.\n").description == "Do it."


def test_only_args_leave_an_empty_description():
    assert read("Args:\n    x: The x.").description == ""
    assert read("Args:\n    x: The x.").params == {"x": "The x."}


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_empty_docstring_describes_nothing(text):
    found = read(text)
    assert (found.description, found.params, found.returns) == ("", {}, None)


def test_prose_with_words_of_a_section_stays_whole():
    text = "Note: this. See Args: below.\n\nReturns the sum: always. Example: 3."
    assert read(text).description == text


@pytest.mark.parametrize("text", ["Args:\n    nothing that has a mark", "Args:\n    z: Unknown.", ":param z: Unknown."])
def test_marked_section_without_a_known_parameter_warns(text):
    with pytest.warns(SchemaWarning) as seen:
        assert read(f"Do it.\n\n{text}").params == {}
    assert str(seen[0].message) == (
        "Tool 'f': its docstring marks a section on parameters, but describes none of x, y, args. "
        "Write `Args:` and below it, indented, one line `name: text` for each."
    )


def test_section_of_a_function_without_parameters_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read("Do it.\n\nArgs:\n    None.", ()).description == "Do it."


def test_docstring_parser_is_not_imported_for_plain_texts_and_googles_style(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys\nfrom agentkit.tools import tool\n"
        "def f(x: int) -> int:\n    'Plain.'\n    return x\ntool(f).encoded\n"
        "def g(x: int) -> int:\n    'Google.\\n\\nArgs:\\n    x: The x.'\n    return x\n"
        "assert b'The x.' in tool(g).encoded\n"
        "assert 'docstring_parser' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
