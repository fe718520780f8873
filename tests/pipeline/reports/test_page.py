"""The page shows everything, needs nothing, and takes every name for text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from goleakprobe.reports import FleetReport, charts, render_html


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page(report: FleetReport) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def hostile_page(hostile_report: FleetReport) -> str:
    return render_html(hostile_report)


def test_the_page_says_who_leaks_where_how_fast_and_why(page: str) -> None:
    text = Outline(page).text
    for said in (
        "3 of 5 services leak goroutines",
        "1,478 goroutines blocked in chan send",
        "+620 an hour (+583 to +657)",
        "example.com/shop/checkout.(*till).total.func1 /src/shop/checkout/till.go:88",
        "example.com/shop/checkout.(*till).total /src/shop/checkout/till.go:84",
        "the runtime's leak profile lists 1,488 goroutines here",
        "Instances affected 3 of 3",
        "First seen 2026-09-21 15:36 UTC",
        "Builds v1.4.2, v1.4.3",
        "No leak found ✓ catalog shop",
        "Goroutines were blocked in chan receive growing resolved",
        "Resolved 2026-09-21 16:00 UTC",
    ):
        assert said in text


def test_a_resolved_finding_looks_like_one(page: str) -> None:
    assert page.count('class="card finding growing over"') == 1


def test_the_worst_service_comes_first(page: str) -> None:
    places = [page.index(f"<h2>{name} ") for name in ("checkout", "shipping", "payments", "search")]
    assert places == sorted(places)


def test_every_link_leads_to_an_element_of_the_page(page: str) -> None:
    attributes = Outline(page).attributes
    ids = [value for name, value in attributes if name == "id"]
    targets = {value.removeprefix("#") for name, value in attributes if name == "href" and value}
    assert len(ids) == len(set(ids))
    assert targets - {"data:,"} <= set(ids)
    assert len(targets) == 3 + 1


def test_each_firing_finding_has_its_chart(page: str) -> None:
    assert page.count("<svg") == 3
    assert page.count(">onset<") == 3


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    outline = Outline(page)
    assert not {"script", "link:stylesheet", "img", "iframe", "object"} & {
        t for t, _ in outline.tags
    }
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", page)
    assert "default-src 'none'" in page
    for name, value in outline.attributes:
        assert not name.startswith("on")
        if name in {"href", "src", "xlink:href", "action"}:
            assert value is not None
            assert value.startswith(("#", "data:"))


def test_names_of_an_attacker_change_no_tag_and_no_attribute(page: str, hostile_page: str) -> None:
    assert Outline(hostile_page).tags == Outline(page).tags


def test_names_of_an_attacker_are_shown_as_they_are_but_for_what_cannot_be_seen(
    hostile_page: str,
) -> None:
    assert "<script>alert(1)</script>\"'><img src=//evil.example onerror=x>{{7*7}}" in (
        Outline(hostile_page).text
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", hostile_page)


def test_no_word_of_a_target_is_in_a_drawing(hostile_page: str) -> None:
    for drawing in re.findall(r"<svg.*?</svg>", hostile_page, re.DOTALL):
        words = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))
        assert all(re.fullmatch(r"onset|[\d:.,]+k?|", word) for word in words), words


def test_a_fleet_without_leaks_says_so(report: FleetReport) -> None:
    text = Outline(render_html(msgspec.structs.replace(report, services=report.clean))).text
    assert "No goroutine leak found in 1 service " in text
    assert "Services by leak" not in text


def test_progress_is_told_chart_by_chart(report: FleetReport) -> None:
    told: list[tuple[int, int]] = []
    render_html(report, on_chart=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_chart_is_right_by_the_schema_of_its_language(
    report: FleetReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "_CHECKED", True)
    finding = report.findings[0]
    drawing = charts.count_chart(finding.series, finding.onset_ns, "x")
    assert set(re.findall(r"var\(--(\w+-?\d?)\)", drawing)) == {
        "series-1",
        "series-2",
        "series-3",
        "dim",
        "ink",
        "line",
    }


def test_one_point_is_no_line(report: FleetReport) -> None:
    series = tuple(
        msgspec.structs.replace(each, points=each.points[:1]) for each in report.findings[0].series
    )
    assert charts.count_chart(series, None, "x") == ""
