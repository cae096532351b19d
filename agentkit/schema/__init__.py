"""JSON Schemas out of Python functions and types, and values out of the JSON that models write; pure."""

from agentkit.schema.argument import ArgumentError, read_object
from agentkit.schema.docstring import Docstring, SchemaWarning, parse_docstring
from agentkit.schema.inline import inline_refs
from agentkit.schema.signature import Signature, read_signature
from agentkit.schema.strict import to_strict, why_not_strict

__all__ = [
    "ArgumentError",
    "Docstring",
    "SchemaWarning",
    "Signature",
    "inline_refs",
    "parse_docstring",
    "read_object",
    "read_signature",
    "to_strict",
    "why_not_strict",
]
