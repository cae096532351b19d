"""Machines: manifests, issues, event logs, config files, build pipelines, network inventories."""

import datetime as dt
import enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

from corpus.case import Case

__all__ = ["CASES"]


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


IntOrString = int | str


class Port(Camel):
    name: str | None = None
    container_port: Annotated[int, Field(ge=1, le=65535)]
    target_port: IntOrString | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class Resources(Camel):
    limits: dict[str, IntOrString] = {}
    requests: dict[str, IntOrString] | None = None


class Probe(Camel):
    http_get: dict[str, IntOrString] | None = None
    exec_command: list[str] | None = None
    period_seconds: int = 10


class Container(Camel):
    name: str
    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    ports: list[Port] = []
    env: list[dict[str, str]] = []
    resources: Resources | None = None
    liveness_probe: Probe | None = None


class Metadata(Camel):
    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] | None = None
    creation_timestamp: dt.datetime | None = None


class PodSpec(Camel):
    containers: Annotated[list[Container], Field(min_length=1)]
    restart_policy: Literal["Always", "OnFailure"] = "Always"
    node_selector: dict[str, str] | None = None


class Manifest(Camel):
    """A workload, as clusters are told of it."""

    api_version: Literal["v1", "apps/v1"]
    kind: Literal["Pod", "Job"]
    metadata: Metadata
    spec: PodSpec


class State(enum.Enum):
    OPEN = "open"
    CLOSED = "closed"


class User(BaseModel):
    login: str
    id: int
    site_admin: bool = False


class Label(BaseModel):
    name: str
    color: Annotated[str, Field(pattern="^[0-9a-f]{6}$")]


class Reactions(BaseModel):
    plus_one: int = Field(0, alias="+1")
    minus_one: int = Field(0, alias="-1")
    heart: int = 0


class Issue(BaseModel):
    """An issue of a repository."""

    number: int
    title: str
    body: str | None = None
    state: State = State.OPEN
    state_reason: Literal["completed", "not_planned"] | None = None
    user: User
    labels: list[Label | str] = []
    assignees: list[User] = []
    milestone: dict[str, JsonValue] | None = None
    reactions: Reactions = Reactions()
    created_at: dt.datetime
    closed_at: dt.datetime | None = None


class Started(BaseModel):
    event: Literal["started"]
    at: dt.datetime


class Stopped(BaseModel):
    event: Literal["stopped"]
    at: dt.datetime
    after: dt.timedelta
    code: int | None = None


class Logged(BaseModel):
    event: Literal["log"] = "log"
    level: Annotated[int, Field(ge=0, le=50)]
    fields: dict[str, Any] = {}


Event = Annotated[Started | Stopped | Logged, Field(discriminator="event")]


class EventLog(BaseModel):
    host: IPv4Address | IPv6Address
    day: dt.date
    events: list[Event]
    first: dt.time | None = None


class Server(BaseModel):
    address: IPv4Address
    subnet: IPv4Network | None = None
    mac: Annotated[str, Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")] | None = None
    root: Path = Path("/srv")
    token: UUID | None = None


class Inventory(BaseModel):
    servers: dict[str, Server]
    groups: dict[str, set[str]] = {}
    pairs: dict[str, list[tuple[int, str]]] = {}
    levels: dict[int, str] = {}


class Retry(BaseModel):
    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=to_camel), extra="forbid"
    )

    max_attempts: int = 3
    base_delay: Annotated[dt.timedelta, PlainSerializer(lambda value: value.total_seconds())] = dt.timedelta(seconds=1)
    retry_on: frozenset[int] = frozenset({429, 503})


class AppConfig(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    service_name: str
    listen: tuple[str, int] = ("127.0.0.1", 8000)
    retry: Retry = Retry()
    feature_flags: dict[str, bool] = {}
    log_level: Literal["debug", "info", "warning"] = "info"


class Step(BaseModel):
    name: str
    run: str | list[str] | None = None
    uses: str | None = None
    with_: dict[str, str | int | bool] = Field({}, alias="with")
    if_: str | None = Field(None, alias="if")
    continue_on_error: bool = Field(False, alias="continue-on-error")


class Pipeline(BaseModel):
    name: str
    on: Literal["push", "pull_request"] | list[str] | dict[str, dict[str, list[str]] | None]
    jobs: dict[str, list[Step]]


UTC = dt.UTC
WHEN = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
KARI = User(login="kari", id=7)

CASES = (
    Case(
        "manifest",
        Manifest,
        (
            Manifest(
                api_version="v1",
                kind="Pod",
                metadata=Metadata(name="web", labels={"app.kubernetes.io/name": "web"}, creation_timestamp=WHEN),
                spec=PodSpec(
                    containers=[
                        Container(
                            name="c",
                            image="nginx:1",
                            ports=[Port(container_port=80, target_port="http"), Port(container_port=1, target_port=80)],
                            env=[{"name": "A", "value": "1"}],
                            resources=Resources(limits={"cpu": 2, "memory": "128Mi"}),
                            liveness_probe=Probe(http_get={"path": "/", "port": 80}),
                        )
                    ],
                ),
            ),
        ),
    ),
    Case(
        "issue",
        Issue,
        (
            Issue.model_validate(
                {
                    "number": 1,
                    "title": "Crash on `{}`",
                    "body": 'Steps:\n```json\n{"a": [1}\n```\nand then…',
                    "state": "closed",
                    "state_reason": "completed",
                    "user": {"login": "ola", "id": 2, "site_admin": True},
                    "labels": ["bug", {"name": "p1", "color": "ff0000"}],
                    "assignees": [{"login": "kari", "id": 7}],
                    "milestone": {"title": "v1", "open": 3, "due": None, "tags": ["a", {"b": 1.5}]},
                    "reactions": {"+1": 3, "-1": 0, "heart": 1},
                    "created_at": "2024-05-06T07:08:09Z",
                    "closed_at": "2024-05-07T07:08:09.123456+02:00",
                }
            ),
            Issue(number=2, title="", user=KARI, created_at=WHEN),
        ),
    ),
    Case("event", Event, (Started(event="started", at=WHEN), Logged(level=10, fields={"a": [1, {"b": None}]}))),
    Case(
        "event log",
        EventLog,
        (
            EventLog(
                host="::1",
                day=dt.date(2024, 5, 6),
                events=[
                    Started(event="started", at=WHEN),
                    Stopped(event="stopped", at=WHEN, after=dt.timedelta(days=1, seconds=2.5), code=-9),
                    Logged(level=50),
                ],
                first=dt.time(7, 8, 9, 500000),
            ),
            EventLog(host="10.0.0.1", day=dt.date(2024, 5, 6), events=[]),
        ),
    ),
    Case(
        "inventory",
        Inventory,
        (
            Inventory(
                servers={
                    "a b": Server(address="10.0.0.1", subnet="10.0.0.0/8", mac="00:1a:2b:3c:4d:5e", root=Path("/a b"))
                },
                groups={"all": {"a b"}},
                pairs={"x": [(1, "one"), (2, "two")], "": []},
                levels={1: "low", -2: "none"},
            ),
        ),
    ),
    Case(
        "config",
        AppConfig,
        (
            AppConfig(serviceName="x", retry=Retry(maxAttempts=5), featureFlags={"new": True}),
            AppConfig(serviceName="y"),
        ),
        (
            {"serviceName": "x", "retry": {"maxAttempts": 5, "baseDelay": "PT1S"}, "featureFlags": {"new": True}},
            {"serviceName": "y"},
        ),
    ),
    Case(
        "pipeline",
        Pipeline,
        (
            Pipeline.model_validate(
                {
                    "name": "ci",
                    "on": {"push": {"branches": ["main"]}, "pull_request": None},
                    "jobs": {
                        "test": [
                            {"name": "t", "run": ["a", "b"], "if": "always()", "continue-on-error": True},
                            {"name": "u", "uses": "x@v1", "with": {"v": 3, "w": False}},
                        ]
                    },
                }
            ),
            Pipeline(name="p", on="push", jobs={}),
            Pipeline(name="p", on=["push"], jobs={"a": []}),
        ),
    ),
)
