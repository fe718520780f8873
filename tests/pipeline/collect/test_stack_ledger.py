"""A stack is published once, unless it was forgotten or could not be sent."""

from __future__ import annotations

from goleakprobe.collect.stack_ledger import StackLedger


def test_a_pair_is_new_once() -> None:
    ledger = StackLedger()
    assert ledger.enter("s", "b1")
    assert not ledger.enter("s", "b1")
    assert ledger.enter("s", "b2")


def test_a_stack_whose_go_statement_becomes_known_is_new_once_more() -> None:
    ledger = StackLedger()
    ledger.enter("s", "b")
    assert ledger.enter("s", "b", creation_known=True)
    assert not ledger.enter("s", "b")
    assert not ledger.enter("s", "b", creation_known=True)


def test_a_struck_pair_is_new_again() -> None:
    ledger = StackLedger()
    ledger.enter("s", "b")
    ledger.strike("s", "b")
    ledger.strike("s", "b")
    assert ledger.enter("s", "b")


def test_the_least_recently_met_is_forgotten_first() -> None:
    ledger = StackLedger(capacity=2)
    ledger.enter("old", "")
    ledger.enter("new", "")
    ledger.enter("old", "")
    ledger.enter("newest", "")
    assert not ledger.enter("old", "")
    assert ledger.enter("new", "")
