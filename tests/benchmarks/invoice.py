"""The nested model that the extraction workload asks for, with what it needs of pydantic."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["Invoice"]


class Address(BaseModel):
    """Where someone is."""

    street: str
    city: str
    zip_code: str = Field(description="As written on the invoice.")


class Customer(BaseModel):
    """Who pays."""

    name: str
    email: str | None
    address: Address


class Line(BaseModel):
    """One line of an invoice."""

    description: str
    quantity: int
    unit_price: float


class Invoice(BaseModel):
    """An invoice."""

    number: str
    issued: date
    customer: Customer
    shipping: Address
    lines: list[Line]
    currency: Literal["EUR", "USD", "CNY"]
    total: float
    paid: bool
