"""A few figures out of any metrics page, and no harm from a hostile one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect_targets import METRICS_PAGE
from goleakprobe.collect.metrics_page import ProcessFigures, read_metrics_page

PAGE = (
    METRICS_PAGE
    + b"""\
go_gc_duration_seconds{quantile="0"} 1e-05
go_gc_duration_seconds_sum 0.25
go_gc_duration_seconds_count 17
go_memstats_heap_inuse_bytes 4.194304e+06
go_memstats_stack_inuse_bytes 524288
process_resident_memory_bytes 1.2e+07
go_sched_goroutines_created_goroutines_total 1234
go_sql_open_connections{db_name="orders"} 3
go_sql_open_connections{db_name="users"} 4
go_sql_in_use_connections{db_name="orders"} 1
"""
)


def test_the_figures_of_a_client_golang_page() -> None:
    assert read_metrics_page(PAGE, request_metric="http_requests_total") == ProcessFigures(
        process_start_ns=1_700_000_000_000_000_000,
        go_version="go1.27.3",
        goroutines=42,
        goroutines_created_total=1234,
        heap_inuse_bytes=4194304,
        stack_inuse_bytes=524288,
        resident_bytes=12_000_000,
        open_fds=9,
        gc_cycles_total=17,
        gc_pause_seconds_total=0.25,
        requests_total=12.0,
        sql_connections_open=7,
        sql_connections_in_use=1,
    )


def test_what_the_page_does_not_tell_is_absent() -> None:
    assert read_metrics_page(b"") == ProcessFigures()
    assert read_metrics_page(METRICS_PAGE).requests_total is None
    assert read_metrics_page(METRICS_PAGE, request_metric="other").requests_total is None


def test_names_are_matched_whole_and_comments_are_none() -> None:
    page = b"go_goroutines_x 1\nmy_go_goroutines 2\n# go_goroutines 3\n go_goroutines 4\n"
    assert read_metrics_page(page).goroutines is None


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"-1", b"1e30", b"x", b"1_0x"])
def test_values_that_count_nothing_are_left_out(value: bytes) -> None:
    assert read_metrics_page(b"go_goroutines " + value + b"\n").goroutines is None


def test_openmetrics_timestamps_and_exemplars_do_not_disturb() -> None:
    page = b'go_goroutines 5 1700000000.5\nreq_total{a="b"} 7 # {trace="x"} 1\n# EOF\n'
    figures = read_metrics_page(page, request_metric="req_total")
    assert (figures.goroutines, figures.requests_total) == (5, 7.0)


def test_a_metric_name_from_the_configuration_is_no_pattern() -> None:
    assert read_metrics_page(b"abc 1\n", request_metric="a.*").requests_total is None


@given(st.binary(max_size=400))
def test_no_page_breaks_the_reader(body: bytes) -> None:
    read_metrics_page(body, request_metric="m")
    read_metrics_page(b"go_goroutines{" + body + b"} 1\n")


def test_hostile_labels_take_linear_time() -> None:
    def seconds(size: int) -> float:
        body = b"go_goroutines{" + b'"\\' * size
        started = time.process_time()
        read_metrics_page(body)
        return time.process_time() - started

    seconds(1000)
    assert seconds(1_600_000) < 100 * max(seconds(100_000), 0.001)
