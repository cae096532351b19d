"""`agentkit doctor`: an endpoint examined, what was found as a table or JSON, and the profile that follows."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from agentkit.cli.examination import examination_json, profile_text, show_examination
from agentkit.cli.screen import Screen
from agentkit.cli.text import one_line
from agentkit.doctor import Bounds, Examination, Plan, Probe, examine
from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.http.address import Address
from agentkit.http.chat import ChatModel
from agentkit.http.key import Key
from agentkit.providers import PROVIDERS, Provider, resolve

__all__ = ["DoctorCommand"]

_WELL, _UNWELL, _UNREACHED = 0, 1, 2
_NO_KEY = "No key was sent. Say which environment variable holds it: --key-variable NAME."


@dataclass(frozen=True)
class DoctorCommand:
    """What was asked for on the command line; `perform` does it."""

    target: Annotated[
        str,
        typer.Argument(
            metavar="BASE_URL", help="Where /chat/completions follows, or PROVIDER:MODEL.", show_default=False
        ),
    ]
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="The model's name at the endpoint.", show_default=False),
    ] = None
    key_variable: Annotated[
        str | None,
        typer.Option(
            "--key-variable",
            metavar="NAME",
            help="The environment variable that holds the key. Default: that of the known provider at BASE_URL.",
            show_default=False,
        ),
    ] = None
    allow_plain_http: Annotated[
        bool, typer.Option("--allow-plain-http", help="Send a key over plain http to another machine.")
    ] = False
    vision: Annotated[bool, typer.Option("--vision", help="Show it a small picture, too.")] = False
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the profile there, too.", show_default=False),
    ] = None
    requests: Annotated[
        int | None,
        typer.Option("--requests", metavar="N", min=1, help="Send no more requests.", show_default=False),
    ] = None
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", metavar="N", min=1, help="Spend no more tokens, in and out.", show_default=False),
    ] = None
    seconds: Annotated[float, typer.Option("--seconds", metavar="N", min=1, help="Take no longer.")] = 300
    reply_tokens: Annotated[
        int, typer.Option("--reply-tokens", metavar="N", min=1, help="No reply longer than that.")
    ] = 128
    result_bytes: Annotated[
        int, typer.Option("--result-bytes", metavar="N", min=0, help="The long tool result; 0 leaves it out.")
    ] = 20_000
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Begin without asking.")] = False

    def perform(self) -> int:
        """Examine and give the exit code: 0 all that agents need works, 1 some of it does not, 2 no reply came."""
        model = self._model()
        bounds = Bounds(
            requests=self.requests,
            tokens=self.tokens,
            seconds=self.seconds,
            reply_tokens=self.reply_tokens,
            result_bytes=self.result_bytes,
        )
        err = Screen(sys.stderr)
        plan = Plan.of(bounds, vision=self.vision)
        err.line(_plan_text(model, plan), "bold")
        if not self._may_begin(model, err):
            err.line("Nothing was sent.")
            return _UNREACHED

        def tell(probe: Probe) -> None:
            if err.terminal:
                err.line(f".. {probe.name}: {probe.asks}", "dim")

        found = asyncio.run(examine(model, bounds=bounds, vision=self.vision, tell=tell))
        out = Screen(sys.stdout)
        if self.json:
            out.write(f"{examination_json(found)}\n")
        else:
            show_examination(found, out)
        self._write(found, err)
        return _UNREACHED if found.profile is None else _WELL if found.is_well else _UNWELL

    def _model(self) -> ChatModel:
        if "://" not in self.target:
            return self._named()
        if not self.model:
            raise ConfigurationError("No model is named. Write --model NAME, as the endpoint calls it.")
        provider = _known(self.target)
        return ChatModel(
            self.model,
            base_url=self.target,
            api_key=_key(self.key_variable, provider),
            profile=provider.profile if provider else None,
            allow_plain_http=self.allow_plain_http,
            no_key=_NO_KEY,
        )

    def _named(self) -> ChatModel:
        prefix, _, name = self.target.partition(":")
        if prefix.lower() not in PROVIDERS or bool(name) == bool(self.model):
            raise ConfigurationError(
                f"{one_line(self.target)!r} is neither a URL nor a provider's model. Write a URL with its scheme and "
                "--model NAME, such as http://127.0.0.1:8080/v1 --model NAME, or PROVIDER:MODEL without --model."
            )
        model = resolve(f"{prefix}:{name or self.model}")
        assert isinstance(model, ChatModel)
        return model.replace(api_key=_key(self.key_variable, None)) if self.key_variable else model

    def _may_begin(self, model: ChatModel, err: Screen) -> bool:
        if self.yes or Address.parse(model.base_url).is_loopback or not (err.terminal and sys.stdin.isatty()):
            return True
        err.write("Begin? [y, n] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _write(self, found: Examination, err: Screen) -> None:
        if self.output is None or found.profile is None:
            return
        try:
            self.output.write_text(profile_text(found.profile, whole=True) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{self.output} cannot be written: {error.strerror}.") from error
        err.line(f"The profile is in {self.output}: ChatModel(..., profile=Path({str(self.output)!r})).")


def _plan_text(model: ChatModel, plan: Plan) -> str:
    return (
        f"{model.name} at {model.base_url}: at most {plan.requests} requests and about {plan.tokens:,} tokens, "
        f"in and out, within {plan.seconds:g} s."
    )


def _known(base_url: str) -> Provider | None:
    """Find the provider at an address, so that its own key goes there, and to no other host."""
    origin = Address.parse(base_url).origin
    own = (provider for provider in PROVIDERS.values() if provider.base_url and not provider.own)
    return next((provider for provider in own if Address.parse(provider.base_url or "").origin == origin), None)


def _key(variable: str | None, provider: Provider | None) -> Key | None:
    """Read the key; only its variable is ever shown."""
    if variable is not None:
        key = os.environ.get(variable, "").strip()
        if not key:
            raise MissingKeyError(f"No key: the environment variable {one_line(variable)} is not set.")
        return Key(key, variable)
    names = provider.key_variables if provider else ()
    return next((Key(key, name) for name in names if (key := os.environ.get(name, "").strip())), None)
