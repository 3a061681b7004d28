"""An account for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.cloudformation.account import Account


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.state.store.close()
