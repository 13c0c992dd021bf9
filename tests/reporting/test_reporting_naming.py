"""Names from disk: what cannot be seen is written out, what can is left alone."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from limbeck.reporting.naming import finalize, shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("walk/photo 1.jpg", "walk/photo 1.jpg"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("a\r\n\tb\x00", r"a\u000d\u000a\u0009b\u0000"),
        ("\ufeffa\u200b", r"\ufeffa\u200b"),
        ("caf\udce9.jpg", r"caf\udce9.jpg"),
        ("\U000e0041", r"\ue0041"),
        ("שלום/कुत्ता/狗.jpg", "שלום/कुत्ता/狗.jpg"),
        ("می\u200cروم 👩\u200d🚀", "می\u200cروم 👩\u200d🚀"),
    ],
)
def test_names_are_made_visible(name: str, text: str) -> None:
    assert shown(name) == text


@given(st.text(st.characters(codec=None)))
def test_nothing_that_hides_is_left_and_all_can_be_written(name: str) -> None:
    text = shown(name)
    text.encode("utf-8")
    left = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left <= {"\u200c", "\u200d"}
    assert shown(text) == text


def test_the_page_itself_is_left_alone() -> None:
    assert finalize(Markup("<b>\n</b>")) == Markup("<b>\n</b>")
    assert finalize(3) == 3
    assert finalize("a\nb") == r"a\u000ab"
