"""Types in the manner of real projects, each with samples: what people want read out of texts."""

from itertools import chain

from corpus import alias, business, chat, code, container, later, ops, plain, raw, record, rule
from corpus.case import Case

__all__ = ["CASES", "Case"]

CASES: tuple[Case, ...] = tuple(
    chain(
        business.CASES,
        record.CASES,
        ops.CASES,
        code.CASES,
        chat.CASES,
        container.CASES,
        rule.CASES,
        alias.CASES,
        plain.CASES,
        later.CASES,
        raw.CASES,
    )
)
