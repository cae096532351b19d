"""Where a database is."""

import pytest

from agentkit.durable.address import read_url
from agentkit.errors import ConfigurationError

CLOCKS = "connect_timeout=10&tcp_user_timeout=30000&keepalives_idle=30"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("postgresql://ann:pw@db:5433/runs", f"postgresql://ann:pw@db:5433/runs?{CLOCKS}"),
        ("postgresql+psycopg://db/runs", f"postgresql://db/runs?{CLOCKS}"),
        ("postgres://db/runs?sslmode=require", f"postgresql://db/runs?sslmode=require&{CLOCKS}"),
        (
            "postgresql:///runs?host=%2Ftmp%2Fa%20b&connect_timeout=3&keepalives_idle=9",
            "postgresql:///runs?host=%2Ftmp%2Fa%20b&connect_timeout=3&keepalives_idle=9&tcp_user_timeout=30000",
        ),
        ("postgresql://a/b?connect_timeout=1&tcp_user_timeout=2&keepalives_idle=3",) * 2,
    ],
)
def test_a_server_gets_clocks_and_what_stands_in_the_url_wins(url, read):
    assert read_url(url)[0] == read


def test_a_file_is_one_by_whichever_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path.resolve() / "runs.sqlite")
    assert read_url("runs.sqlite") == read_url(f"sqlite:///{path}") == (f"sqlite:///{path}", path)


def test_a_password_is_not_shown():
    assert read_url("postgresql://ann:pw-of-ann@db:5433/runs")[1] == "postgresql://db/runs"


def test_another_database_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        read_url("mysql://db/runs")
    assert str(caught.value) == (
        "Durable runs cannot be kept in 'mysql'. Give the path of a file, which is one of SQLite, or a URL that begins "
        "with postgresql://."
    )
