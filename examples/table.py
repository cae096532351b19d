"""The rows of a table that is only there as an image, as CSV; rows that do not fit the columns are asked for again.

It needs a model that reads images, which the embedded one does not::

    python examples/table.py receipt.png --model openai:gpt-4o-mini > receipt.csv
"""

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from agentkit import extract_sync


class Table(BaseModel):
    """A table as it is printed."""

    columns: list[str] = Field(min_length=1, description="The heads of the columns, left to right")
    rows: list[list[str]] = Field(description="The cells, as printed, row by row; an empty text where one is empty")

    @model_validator(mode="after")
    def is_even(self) -> Self:
        """Refuse rows that have more or fewer cells than there are columns, and say which."""
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells, but there are {len(self.columns)} columns")
        return self


def main() -> None:
    """Read the table and write it as CSV."""
    parser = argparse.ArgumentParser(description="A table out of an image, as CSV.")
    parser.add_argument("image", type=Path, help="a PNG, JPEG, GIF or WebP")
    named = os.environ.get("AGENTKIT_MODEL")
    parser.add_argument("--model", default=named, required=named is None)
    given = parser.parse_args()

    table = extract_sync(Table, ["Read the table in this image.", given.image], model=given.model)
    csv.writer(sys.stdout).writerows([table.columns, *table.rows])


if __name__ == "__main__":
    main()
