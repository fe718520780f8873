"""Leaf frames give the runtime's words, and words give a state and a class."""

from __future__ import annotations

import pytest

from goleakprobe.profiles import wait_class
from goleakprobe.profiles.waits import state_of, wait_from_leaf, wait_from_sync


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ("runtime.gopark runtime.chanrecv runtime.chanrecv1 main.f", "chan receive"),
        ("runtime.gopark runtime.chansend runtime.chansend1 main.f", "chan send"),
        ("runtime.gopark runtime.selectgo main.f", "select"),
        ("runtime.gopark runtime.block main.f", "select (no cases)"),
        ("runtime.gopark time.Sleep main.f", "sleep"),
        (
            "runtime.gopark runtime.netpollblock internal/poll.runtime_pollWait main.f",
            "IO wait",
        ),
        (
            "runtime.gopark runtime.semacquire1 internal/sync.runtime_SemacquireMutex main.f",
            "sync.Mutex.Lock",
        ),
        (
            "runtime.gopark runtime.semacquire1 sync.runtime_SemacquireRWMutexR main.f",
            "sync.RWMutex.RLock",
        ),
        (
            "runtime.gopark runtime.semacquire1 sync.runtime_SemacquireRWMutex main.f",
            "sync.RWMutex.Lock",
        ),
        (
            "runtime.gopark runtime.semacquire1 sync.runtime_SemacquireWaitGroup main.f",
            "sync.WaitGroup.Wait",
        ),
        (
            "runtime.gopark runtime.semacquire1 internal/poll.runtime_Semacquire main.f",
            "semacquire",
        ),
        (
            "runtime.gopark runtime.goparkunlock sync.runtime_notifyListWait main.f",
            "sync.Cond.Wait",
        ),
        ("runtime.coroswitch_m runtime.coroswitch iter.Pull[...].func1.1", "coroutine"),
        ("runtime.notetsleepg os/signal.signal_recv os/signal.loop", "syscall"),
        ("runtime.cgocall main._Cfunc_sleep main.f", "syscall"),
        ("syscall.Syscall syscall.read main.f", "syscall"),
        ("internal/runtime/syscall.Syscall6 syscall.RawSyscall6 main.f", "syscall"),
        ("runtime.asyncPreempt2 runtime.asyncPreempt main.spin", "runnable"),
        ("main.spin", "runnable"),
        ("runtime.goroutineProfileWithLabels runtime/pprof.writeGoroutine", "running"),
        ("runtime.gopark runtime.somethingNew main.f", "waiting"),
        ("", "runnable"),
    ],
)
def test_leaf_frames_give_the_words(leaf: str, words: str) -> None:
    assert wait_from_leaf(leaf.split()) == words


@pytest.mark.parametrize(
    ("visible", "words"),
    [
        ("sync.runtime_Semacquire sync.(*WaitGroup).Wait main.f", "sync.WaitGroup.Wait"),
        ("sync.runtime_SemacquireMutex sync.(*Mutex).lockSlow main.f", "sync.Mutex.Lock"),
        ("internal/poll.runtime_Semacquire internal/poll.(*FD).Read os.Read", "semacquire"),
        ("internal/poll.runtime_pollWait net.Read", "IO wait"),
        ("main._Cfunc_sleep main.f", "syscall"),
        ("main.f sync.(*WaitGroup).Go.func1", ""),
    ],
)
def test_visible_frames_give_the_words_where_they_can(visible: str, words: str) -> None:
    assert wait_from_sync(visible.split()) == words


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("chan receive", "waiting"),
        ("GOMAXPROCS updater (idle)", "waiting"),
        ("", "waiting"),
        ("runnable", "runnable"),
        ("preempted", "runnable"),
        ("running", "running"),
        ("syscall", "syscall"),
    ],
)
def test_words_give_a_state(words: str, state: str) -> None:
    assert state_of(words) == state


def test_an_unknown_wait_is_a_class_of_its_own() -> None:
    assert wait_class("") == wait_class("waiting") != wait_class("runnable")
    assert wait_class("GC sweep wait") == "GC sweep wait"
