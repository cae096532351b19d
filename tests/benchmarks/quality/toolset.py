"""The tools that the function calling cases offer, in sets of three to six; each gives back what it was called with."""

from collections.abc import Callable
from datetime import date, time
from typing import Any, Final, Literal

__all__ = ["TOOLSETS"]

_Room = Literal["kitchen", "bedroom", "living room", "bathroom"]
_Account = Literal["checking", "savings"]


def set_temperature(room: _Room, celsius: float):
    """Set the heating of a room.

    Args:
        room: Which room.
        celsius: Wanted temperature in degrees Celsius, e.g. 21.5.
    """
    return locals()


def switch_light(room: _Room, on: bool):
    """Switch the light of a room on or off.

    Args:
        room: Which room.
        on: true for on, false for off.
    """
    return locals()


def start_timer(minutes: int, label: str | None = None):
    """Start a kitchen timer.

    Args:
        minutes: How long, e.g. 10.
        label: What it is for, e.g. pasta.
    """
    return locals()


def play_music(artist: str, volume: int = 50):
    """Play music of an artist.

    Args:
        artist: Name of the artist, e.g. Nina Simone.
        volume: From 0 to 100.
    """
    return locals()


def search_flights(
    origin: str,
    destination: str,
    day: date,
    passengers: int = 1,
    cabin: Literal["economy", "business", "first"] = "economy",
):
    """Search flights between two cities.

    Args:
        origin: City to leave from, e.g. Oslo.
        destination: City to go to, e.g. Rome.
        day: Day of the flight, e.g. 2025-05-30.
        passengers: How many travel.
        cabin: Class of travel.
    """
    return locals()


def book_hotel(city: str, arrival: date, nights: int, guests: int = 1):
    """Book a hotel room.

    Args:
        city: City name, e.g. Vienna.
        arrival: First day, e.g. 2025-05-30.
        nights: How many nights.
        guests: How many people.
    """
    return locals()


def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius"):
    """Get the current weather of a city.

    Args:
        city: City name, e.g. Beijing.
        unit: Unit of the temperature.
    """
    return locals()


def convert_currency(amount: float, source: str, target: str):
    """Convert an amount of money to another currency.

    Args:
        amount: How much, e.g. 12.5.
        source: Currency code to convert from, e.g. EUR.
        target: Currency code to convert to, e.g. USD.
    """
    return locals()


def create_event(title: str, day: date, start: time, minutes: int = 30):
    """Enter an event into the calendar.

    Args:
        title: What it is, e.g. Dentist.
        day: Its day, e.g. 2025-05-30.
        start: When it begins, e.g. 14:30.
        minutes: How long it takes.
    """
    return locals()


def cancel_event(event_id: int):
    """Take an event off the calendar.

    Args:
        event_id: Number of the event, e.g. 4711.
    """
    return locals()


def add_task(title: str, due: date | None = None, priority: Literal["low", "normal", "high"] = "normal"):
    """Add a task to the list of things to do.

    Args:
        title: What is to be done, e.g. water the plants.
        due: Last day, e.g. 2025-05-30.
        priority: How urgent it is.
    """
    return locals()


def find_contact(name: str):
    """Look a person up in the address book.

    Args:
        name: Name of the person, e.g. Ada Byron.
    """
    return locals()


def find_order(order_id: str):
    """Show an order and its state.

    Args:
        order_id: Number of the order, e.g. A-1234.
    """
    return locals()


def cancel_order(order_id: str, reason: Literal["too_late", "wrong_item", "changed_mind", "other"] = "other"):
    """Cancel an order that was not sent yet.

    Args:
        order_id: Number of the order, e.g. A-1234.
        reason: Why it is cancelled.
    """
    return locals()


def refund(order_id: str, amount: float):
    """Pay money back for an order.

    Args:
        order_id: Number of the order, e.g. A-1234.
        amount: How much to pay back, e.g. 19.9.
    """
    return locals()


def check_stock(product: str, size: Literal["S", "M", "L", "XL"] | None = None):
    """Tell how many pieces of a product are in stock.

    Args:
        product: Name of the product, e.g. rain jacket.
        size: Size of clothes.
    """
    return locals()


def get_balance(account: _Account):
    """Tell how much money is in an account.

    Args:
        account: Which account.
    """
    return locals()


def transfer_money(recipient: str, amount: float, account: _Account = "checking", note: str | None = None):
    """Send money to somebody.

    Args:
        recipient: Name of who gets it, e.g. Ada Byron.
        amount: How much, in euros, e.g. 12.5.
        account: Account to take it from.
        note: Text for the recipient.
    """
    return locals()


def block_card(card: Literal["credit", "debit"], reason: Literal["lost", "stolen", "other"] = "other"):
    """Block a bank card.

    Args:
        card: Which card.
        reason: Why it is blocked.
    """
    return locals()


TOOLSETS: Final[dict[str, tuple[Callable[..., dict[str, Any]], ...]]] = {
    "home": (set_temperature, switch_light, start_timer, play_music),
    "travel": (search_flights, book_hotel, get_weather, convert_currency),
    "office": (create_event, cancel_event, add_task, find_contact, get_weather),
    "shop": (find_order, cancel_order, refund, check_stock),
    "bank": (get_balance, transfer_money, block_card),
    "mixed": (get_weather, add_task, transfer_money, play_music, find_order, convert_currency),
}
