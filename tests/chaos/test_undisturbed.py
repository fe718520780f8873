"""What is expected of a lake does not depend on how the load is cut into rounds."""

from __future__ import annotations

from collections import Counter

from chaos.load import Fleet
from chaos.undisturbed import UndisturbedLife


def test_rounds_add_up_to_one_life() -> None:
    fleet = Fleet("7")
    first, second = fleet.events(30), fleet.events(30)
    whole, parted = UndisturbedLife(), UndisturbedLife()
    whole.follow(first + second)
    parted.follow(first)
    parted.follow(second)
    assert whole.expected == parted.expected
    assert whole.findings == parted.findings > 0


def test_every_table_is_expected() -> None:
    life = UndisturbedLife()
    life.follow(Fleet("7").events(40))
    tables = Counter(table for table, _ in life.expected)
    assert tables.keys() == {
        "snapshots",
        "runtime",
        "lifecycles",
        "stacks",
        "assessments",
        "statistics",
        "findings",
    }
    assert life.findings == sum(
        number for (table, _), number in life.expected.items() if table == "findings"
    )
