"""Leak patterns by what a goroutine waits for, where its place gives nothing more away."""

from __future__ import annotations

from goleakprobe_agents.patterns.pattern import LeakPattern

__all__ = ["WAITS"]

_PATTERNS: tuple[tuple[tuple[str, ...], LeakPattern], ...] = (
    (
        (
            "chan send (nil chan)",
            "chan receive (nil chan)",
        ),
        LeakPattern(
            "nil-channel",
            "a channel that was never made is used; that waits for ever",
            "make the channel before its first use; where nil is meant to switch a case "
            "off, keep another case that ends",
        ),
    ),
    (
        ("select (no cases)",),
        LeakPattern(
            "select-without-cases",
            "an empty select waits for ever, and the goroutine with it",
            "wait for a context or a stop channel instead",
        ),
    ),
    (
        ("chan send",),
        LeakPattern(
            "send-without-receiver",
            "nobody receives any more: the receiver returned early, on a timeout, an error "
            "or the first of several answers",
            "give the channel room for every send that may come, or select between the send"
            " and ctx.Done()",
        ),
    ),
    (
        ("chan receive",),
        LeakPattern(
            "receive-without-sender",
            "nobody sends any more and nobody closed the channel: the sender returned "
            "early, or a range waits for a close that is missing",
            "let the sender close the channel (defer close(ch)), or select between the "
            "receive and ctx.Done()",
        ),
    ),
    (
        ("select",),
        LeakPattern(
            "select-without-way-out",
            "none of the cases can happen any more: no case waits for a context or a stop "
            "signal, or nobody cancels it",
            "add a case for ctx.Done() and see to it that the context is cancelled when the"
            " work ends",
        ),
    ),
    (
        ("sync.WaitGroup.Wait",),
        LeakPattern(
            "waitgroup-never-done",
            "Done is called less often than Add: a worker returned early, or is itself stuck",
            "defer wg.Done() first thing in the worker (or use WaitGroup.Go), and look for "
            "the worker that blocks",
        ),
    ),
    (
        (
            "sync.Mutex.Lock",
            "sync.RWMutex.Lock",
            "sync.RWMutex.RLock",
        ),
        LeakPattern(
            "lock-not-released",
            "the lock is held by code that returned or panicked without unlocking, that is "
            "itself stuck, or that locks it twice",
            "defer the unlock right after the lock; look for the one goroutine that holds "
            "it and waits elsewhere",
        ),
    ),
    (
        ("sync.Cond.Wait",),
        LeakPattern(
            "condition-never-signalled",
            "nobody signals the condition any more, or the signal came before the wait",
            "change the condition under the lock and Broadcast also when shutting down",
        ),
    ),
    (
        ("coroutine",),
        LeakPattern(
            "iterator-not-stopped",
            "iter.Pull was used and its stop function was not called",
            "defer stop() right after iter.Pull",
        ),
    ),
    (
        ("IO wait",),
        LeakPattern(
            "io-without-deadline",
            "a peer sends nothing and does not hang up, or connections are opened and never closed",
            "set deadlines on the connection (SetDeadline, or the timeouts of its client or"
            " server) and close it on every path",
        ),
    ),
    (
        ("sleep",),
        LeakPattern(
            "sleep-loop-without-end",
            "loops that sleep are started again and again, and nothing tells them to end",
            "replace the sleep by a select between a timer and ctx.Done()",
        ),
    ),
    (
        ("syscall",),
        LeakPattern(
            "syscall-stuck",
            "a system call or C function does not return: a pipe, terminal or file system "
            "that does not answer, or a lock in C",
            "use calls with deadlines, and bound how many may run at once: each holds an "
            "operating system thread",
        ),
    ),
    (
        ("semacquire",),
        LeakPattern(
            "semaphore-never-free",
            "a lock or WaitGroup is waited for whose holder does not let go",
            "look for the goroutine that holds it; defer the release right after the acquisition",
        ),
    ),
)

WAITS: dict[str, LeakPattern] = {wait: pattern for waits, pattern in _PATTERNS for wait in waits}
"""By the runtime's wait reason (``waitReasonStrings`` of ``runtime/runtime2.go``)."""
