"""The types that the extraction cases ask for, by the name that a case gives; written as users write them."""

import re
from datetime import date, time
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter

__all__ = ["ADAPTERS", "SHAPES"]

# However a number is grouped, it is the same number.
_Phone = Annotated[str, AfterValidator(lambda text: re.sub(r"[^\d+]", "", text))]


class Contact(BaseModel):
    """The person to contact."""

    name: str
    email: str | None = None
    phone: _Phone | None = None
    company: str | None = None
    role: str | None = Field(None, description="Job title or function.")


class Invoice(BaseModel):
    """An invoice."""

    number: str = Field(description="Invoice number.")
    seller: str = Field(description="Who is to be paid.")
    issued: date
    due: date | None = Field(None, description="Last day to pay.")
    total: float = Field(description="The amount to pay in all, taxes included.")
    currency: Literal["EUR", "USD", "GBP", "CHF"]


class Line(BaseModel):
    """One product of an order."""

    product: str
    quantity: int
    unit_price: float | None = None


class Order(BaseModel):
    """An order of one or more products."""

    customer: str
    lines: list[Line]


class Event(BaseModel):
    """An event."""

    title: str = Field(description="What takes place.")
    day: date
    start: time | None = None
    place: str | None = None


class Review(BaseModel):
    """What a customer thinks of a product."""

    sentiment: Literal["positive", "negative", "neutral"]
    stars: int | None = Field(None, ge=1, le=5)
    recommends: bool | None = Field(None, description="Whether the customer says to buy it; null if unsaid.")


class Measure(BaseModel):
    """A measured quantity."""

    value: float
    unit: Literal["kg", "g", "l", "ml", "km", "m", "cm"]


class Address(BaseModel):
    """A postal address."""

    street: str = Field(description="Street without the house number.")
    house_number: str
    postal_code: str | None = None
    city: str
    country: str | None = None


class Ticket(BaseModel):
    """A problem that was reported."""

    product: str
    version: str | None = None
    severity: Literal["low", "medium", "high", "critical"]
    error_code: str | None = None


class Flight(BaseModel):
    """A booked flight."""

    flight_number: str
    origin: str
    destination: str
    day: date
    seat: str | None = None


class Job(BaseModel):
    """A job offer."""

    title: str
    company: str
    salary_from: int | None = Field(None, description="Lowest yearly salary.")
    salary_to: int | None = Field(None, description="Highest yearly salary.")
    remote: bool | None = Field(None, description="Whether it can be done from home; null if unsaid.")


class Payment(BaseModel):
    """Money that the writer has paid."""

    payee: str
    amount: float


class Person(BaseModel):
    """A person."""

    name: str
    age: int | None = None


class Consent(BaseModel):
    """What a customer agrees to; null if unsaid."""

    newsletter: bool | None = None
    phone_calls: bool | None = None
    data_sharing: bool | None = None


SHAPES: Final[dict[str, Any]] = {
    "contact": Contact,
    "invoice": Invoice,
    "order": Order,
    "event": Event,
    "review": Review,
    "department": Literal["billing", "technical", "shipping", "account"],
    "answer": bool,
    "measure": Measure,
    "names": list[str],
    "address": Address,
    "ticket": Ticket,
    "flight": Flight,
    "job": Job,
    "payments": list[Payment],
    "people": list[Person],
    "consent": Consent,
}
ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {name: TypeAdapter(shape) for name, shape in SHAPES.items()}
