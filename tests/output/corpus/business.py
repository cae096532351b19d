"""Trade: invoices, orders, catalogues, money, contracts, insurance, subscriptions."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from corpus.case import Case

__all__ = ["CASES"]


class Currency(str, enum.Enum):
    EUR = "EUR"
    NOK = "NOK"
    USD = "USD"


class Money(BaseModel):
    """An amount in a currency."""

    model_config = ConfigDict(frozen=True)

    amount: Decimal = Field(max_digits=12, decimal_places=2)
    currency: Currency = Currency.EUR


class Address(BaseModel):
    """Where someone gets post.

    Attributes:
        street: Street and number.
        postcode: As it is written in its country.
    """

    street: str
    postcode: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9 -]{2,9}$")]
    city: str
    country: Annotated[str, Field(min_length=2, max_length=2)] = "NO"


class Party(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    vat_id: str | None = None
    address: Address | None = None


class InvoiceLine(BaseModel):
    text: str
    quantity: Decimal = Decimal(1)
    unit: Literal["h", "kg", "pcs", "m2"] = "pcs"
    unit_price: Money
    vat_rate: float = Field(0.25, ge=0, le=1)


class Invoice(BaseModel):
    """An invoice as it came by post."""

    number: str
    issued: dt.date
    due: dt.date | None = None
    seller: Party
    buyer: Party
    lines: list[InvoiceLine] = Field(min_length=1)
    total: Money
    paid: bool = False
    notes: list[str] = []


class Variant(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{2}-\d{3,6}$")
    attributes: dict[str, str | int | bool] = {}
    stock: int = Field(0, ge=0)
    price: Decimal | None = None


class Product(BaseModel):
    """A product with its variants."""

    id: UUID
    title: str
    brand: str | None = None
    category: tuple[str, ...]
    variants: dict[str, Variant]
    rating: Annotated[float, Field(ge=0, le=5)] | None = None
    tags: set[str] = set()


class Catalogue(BaseModel):
    season: Literal["spring", "summer", "autumn", "winter"]
    year: int = Field(ge=1990, le=2100)
    products: list[Product]


class Clause(BaseModel):
    number: str
    heading: str | None = None
    text: str
    kind: Literal["definition", "obligation", "right", "liability", "termination", "other"]
    parties: list[str] = []
    subclauses: list["Clause"] = []


class Contract(BaseModel):
    title: str
    parties: Annotated[list[Party], Field(min_length=2)]
    effective: dt.date
    term: dt.timedelta | None = None
    governing_law: str | None = None
    clauses: list[Clause]


class Plan(enum.Enum):
    FREE = 0
    TEAM = 1
    COMPANY = 2


class Subscription(BaseModel):
    customer: str
    plan: Plan
    seats: int = Field(gt=0, multiple_of=5)
    renews: dt.datetime
    discount: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    history: list[tuple[dt.date, Plan]] = []


class Claim(BaseModel):
    """A damage that someone reports to the insurance."""

    policy: Annotated[str, Field(min_length=4)]
    happened: dt.datetime
    cause: Literal["water", "fire", "theft", "storm"] | None
    amounts: dict[Currency, Decimal]
    witnesses: list[Party] | None = None


class Transfer(BaseModel):
    iban: str = Field(pattern=r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$")
    amount: Annotated[Decimal, Field(gt=0, decimal_places=2)]
    booked: dt.date
    purpose: str = ""


NOK = Currency.NOK
LOCAL = dt.datetime.fromisoformat("2024-05-06T07:08:09")
SHOP = Party(name="Løk & Søn «AS»", vat_id="NO 912", address=Address(street="Gata 1", postcode="0150", city="Oslo"))
ANN = Party(
    name='Ann "the lamp" O\'Neill', address=Address(street="Rd\n2", postcode="AB1 2CD", city="Ayr", country="GB")
)
LAMP = InvoiceLine(
    text="Lampe {blå}", quantity=Decimal("2.50"), unit_price=Money(amount=Decimal("19.90"), currency=NOK)
)
ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
SHIRT = Product(
    id=ID,
    title="Shirt [new]",
    category=("clothes", "shirts"),
    variants={"red / L": Variant(sku="SH-001", attributes={"size": "L", "year": 2, "eco": True}, stock=3)},
    rating=4.5,
    tags={"linen"},
)
SUB = Clause(number="1.1", text="The seller delivers.", kind="obligation", parties=["seller"])

CASES = (
    Case("money", Money, (Money(amount=Decimal("12.30")), Money(amount=Decimal(-5), currency=NOK))),
    Case(
        "invoice",
        Invoice,
        (
            Invoice(
                number="2024-17",
                issued=dt.date(2024, 2, 29),
                due=dt.date(2024, 3, 14),
                seller=SHOP,
                buyer=ANN,
                lines=[LAMP, LAMP.model_copy(update={"unit": "h"})],
                total=Money(amount=Decimal("99.50"), currency=NOK),
                notes=["Thanks!", '{"a": 1}'],
            ),
            Invoice(
                number="1",
                issued=dt.date(2020, 1, 1),
                seller=ANN,
                buyer=Party(name="X"),
                lines=[LAMP],
                total=Money(amount=Decimal(0)),
            ),
        ),
    ),
    Case("product", Product, (SHIRT, Product(id=ID, title="", category=(), variants={}))),
    Case("catalogue", Catalogue, (Catalogue(season="spring", year=2024, products=[SHIRT, SHIRT]),)),
    Case(
        "contract",
        Contract,
        (
            Contract(
                title="Sale",
                parties=[SHOP, ANN],
                effective=dt.date(2024, 1, 1),
                term=dt.timedelta(days=365, hours=1),
                clauses=[Clause(number="1", text="…", kind="other", subclauses=[SUB, SUB])],
            ),
        ),
    ),
    Case("clause", Clause, (SUB, Clause(number="2", heading="H", text="t", kind="right", subclauses=[SUB]))),
    Case(
        "subscription",
        Subscription,
        (
            Subscription(
                customer="Ann",
                plan=Plan.TEAM,
                seats=15,
                renews=dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC),
                history=[(dt.date(2023, 1, 1), Plan.FREE), (dt.date(2024, 1, 1), Plan.TEAM)],
            ),
        ),
    ),
    Case(
        "claim",
        Claim,
        (
            Claim(policy="P-100", happened=LOCAL, cause=None, amounts={NOK: Decimal("1.10")}),
            Claim(
                policy="P-101",
                happened=dt.datetime(2024, 5, 6, tzinfo=dt.UTC),
                cause="fire",
                amounts={},
                witnesses=[ANN],
            ),
        ),
    ),
    Case(
        "transfer",
        Transfer,
        (Transfer(iban="NO9386011117947", amount=Decimal("0.01"), booked=dt.date(2024, 5, 6), purpose="a\tb\\c"),),
    ),
    Case("money list", list[Money], ([Money(amount=Decimal("1.5")), Money(amount=Decimal(2), currency=NOK)], [])),
)
