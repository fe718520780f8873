"""What a goroutine waits for: the runtime's words, and how to tell them from its frames.

The words are ``waitReasonStrings`` of ``runtime/runtime2.go``. Protobuf profiles carry no
words, but their leaf frames are the runtime functions that park, so they are derived here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["REQUESTER_FRAMES", "state_of", "wait_class", "wait_from_leaf", "wait_from_sync"]

_RUNNABLE_WORDS = frozenset({"runnable", "preempted", "idle", "copystack", "dead"})

# Functions that only the goroutine that takes the profile runs.
REQUESTER_FRAMES = (
    "runtime.goroutineProfile",
    "runtime/pprof.runtime_goroutineProfile",
    "runtime/pprof.runtime_goroutineLeak",
    "runtime/pprof.writeRuntimeProfile",
    "runtime/pprof.writeGoroutine",
    "runtime/pprof.pprof_goroutine",
    "runtime.pprof_goroutine",
    "runtime.Stack",
)

# First match wins, leaf first; a prefix covers the variants (chanrecv1, ...SemacquireRWMutexR).
_LEAF_WORDS: tuple[tuple[str, str], ...] = (
    ("runtime.chanrecv", "chan receive"),
    ("runtime.chansend", "chan send"),
    ("runtime.selectgo", "select"),
    ("runtime.block", "select (no cases)"),
    ("runtime.netpollblock", "IO wait"),
    ("internal/poll.runtime_pollWait", "IO wait"),
    ("time.Sleep", "sleep"),
    ("runtime.timeSleep", "sleep"),
    ("sync.runtime_notifyListWait", "sync.Cond.Wait"),
    ("sync.runtime_SemacquireRWMutexR", "sync.RWMutex.RLock"),
    ("sync.runtime_SemacquireRWMutex", "sync.RWMutex.Lock"),
    ("sync.runtime_SemacquireWaitGroup", "sync.WaitGroup.Wait"),
    ("internal/sync.runtime_SemacquireMutex", "sync.Mutex.Lock"),
    ("sync.runtime_SemacquireMutex", "sync.Mutex.Lock"),
    ("runtime.coroswitch", "coroutine"),
    ("internal/synctest.Wait", "synctest.Wait"),
    ("internal/synctest.Run", "synctest.Run"),
    ("runtime.synctestWait", "synctest.Wait"),
    ("runtime.synctestRun", "synctest.Run"),
    ("runtime.semacquire", "semacquire"),
    ("sync.runtime_Semacquire", "semacquire"),
    ("internal/poll.runtime_Semacquire", "semacquire"),
    ("runtime.gcAssistAlloc", "GC assist wait"),
    ("runtime.notetsleepg", "syscall"),
    ("runtime.cgocall", "syscall"),
    ("runtime.asmcgocall", "syscall"),
    ("runtime.entersyscall", "syscall"),
    ("runtime.exitsyscall", "syscall"),
    ("internal/runtime/syscall.", "syscall"),
    ("runtime/internal/syscall.", "syscall"),
    ("syscall.", "syscall"),
)

# The public face of a wait that text profiles show below their hidden frames.
_SYNC_WORDS: tuple[tuple[str, str], ...] = (
    ("sync.(*WaitGroup).Wait", "sync.WaitGroup.Wait"),
    ("sync.(*Cond).Wait", "sync.Cond.Wait"),
    ("sync.(*RWMutex).RLock", "sync.RWMutex.RLock"),
    ("sync.(*Mutex).", "sync.Mutex.Lock"),
    ("internal/sync.(*Mutex).", "sync.Mutex.Lock"),
    ("sync.(*RWMutex).Lock", "sync.RWMutex.Lock"),
    ("os/signal.signal_recv", "syscall"),
    ("iter.Pull", "coroutine"),
)


def wait_from_leaf(functions: Sequence[str]) -> str:
    """The runtime's words for a stack with all its runtime frames, leaf first.

    ``running`` for the goroutine that takes the profile, ``runnable`` where nothing parks. The
    words are exact but for ``(nil chan)`` and ``(durable)``, which no frame shows.
    """
    for function in functions:
        if function in ("runtime.gopark", "runtime.goparkunlock", "runtime.mcall"):
            continue
        if function.startswith(REQUESTER_FRAMES):
            return "running"
        words = _first_match(function, _LEAF_WORDS)
        if words == "semacquire":
            return _semaphore_words(functions)
        if words:
            return words
        if not function.startswith("runtime."):
            break
    parked = bool(functions) and functions[0] == "runtime.gopark"
    return "waiting" if parked else "runnable"


def wait_from_sync(functions: Iterable[str]) -> str:
    """The words that visible leaf frames alone give away; empty where they give none."""
    semaphore = ""
    for function in functions:
        if "._Cfunc_" in function:
            return "syscall"
        words = _first_match(function, _SYNC_WORDS) or _first_match(function, _LEAF_WORDS)
        if words == "semacquire":
            semaphore = words
        elif words:
            return words
        elif not function.startswith(("sync.", "internal/", "runtime.")):
            break
    return semaphore


def state_of(wait: str) -> str:
    """``waiting``, ``runnable``, ``running`` or ``syscall``."""
    if wait in ("running", "syscall"):
        return wait
    return "runnable" if wait in _RUNNABLE_WORDS else "waiting"


def wait_class(wait: str, functions: Iterable[str] = ()) -> str:
    """The words folded to what every Go version and every source agrees on.

    ``(nil chan)``, ``(no cases)``, ``(durable)`` and ``(synctest)`` fall away; a semaphore is
    named by the sync type above it (Go up to 1.19 says ``semacquire`` for a Mutex, up to 1.23
    for a WaitGroup); everything that is not blocked is ``runnable``. An empty wait is a blocked
    goroutine whose source cannot tell why.
    """
    words = wait.partition(" (")[0]
    if words in ("", "waiting"):
        return "waiting"
    if words in _RUNNABLE_WORDS or words == "running":
        return "runnable"
    if words == "semacquire":
        return wait_from_sync(functions) or words
    return words


def _semaphore_words(functions: Sequence[str]) -> str:
    for function in functions:
        words = _first_match(function, _LEAF_WORDS)
        if words and words != "semacquire":
            return words
        if not function.startswith(("runtime.", "sync.", "internal/")):
            break
    return "semacquire"


def _first_match(function: str, table: tuple[tuple[str, str], ...]) -> str:
    for prefix, words in table:
        if function.startswith(prefix):
            return words
    return ""
