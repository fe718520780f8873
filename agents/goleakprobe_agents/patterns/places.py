"""Leak patterns that a function of the standard library or of a known package gives away.

Names of functions are those of the packages' own sources; each place lists what blocks there in
a leak, not what the package does when all is well.
"""

from __future__ import annotations

import msgspec

from goleakprobe_agents.patterns.pattern import LeakPattern

__all__ = ["PLACES", "Place"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where goroutines wait; every condition that is given must hold."""

    blocked: tuple[str, ...] = ()
    """Beginnings of the function that waits."""
    started: tuple[str, ...] = ()
    """Beginnings of the function that was started with ``go``, or of the one that started it."""
    waits: tuple[str, ...] = ()
    """Wait reasons, without what they have in brackets."""


# HTTP/2 lives in net/http under other names, in a package of its own from Go 1.27, and in x/net.
_HTTP2_CLIENT = ("net/http.(*http2Client", "net/http/internal/http2.(*Client",
                 "golang.org/x/net/http2.(*Client")  # fmt: skip
_HTTP2_STREAM = ("net/http.(*http2client", "net/http/internal/http2.(*client",
                 "golang.org/x/net/http2.(*client")  # fmt: skip
_HTTP2_TRANSPORT = ("net/http.(*http2Transport", "net/http/internal/http2.(*Transport",
                    "golang.org/x/net/http2.(*Transport")  # fmt: skip


def _methods(receivers: tuple[str, ...], *methods: str) -> tuple[str, ...]:
    return tuple(receiver + method for receiver in receivers for method in methods)


PLACES: tuple[tuple[LeakPattern, tuple[Place, ...]], ...] = (
    (
        LeakPattern(
            "http-response-body-not-closed",
            "an HTTP response was neither read to its end nor closed, so its connection can"
            " serve no other request and its two goroutines stay",
            "defer resp.Body.Close() right after the error check, on every path; read the "
            "body to its end if the connection is to be used again",
        ),
        (Place(blocked=("net/http.(*persistConn).readLoop",), waits=("select",)),),
    ),
    (
        LeakPattern(
            "http-request-without-timeout",
            "a request waits for an answer, or for a connection, that does not come",
            "give the request a context with a deadline, or set http.Client.Timeout",
        ),
        (
            Place(
                blocked=(
                    "net/http.(*persistConn).roundTrip",
                    "net/http.(*Transport).getConn",
                    *_methods(_HTTP2_CLIENT, "Conn).RoundTrip", "Conn).roundTrip"),
                )
            ),
        ),
    ),
    (
        LeakPattern(
            "http2-stream-not-ended",
            "a request over HTTP/2 is still open: its response body was not closed, or its "
            "context is never cancelled",
            "close every response body, and give each request a context with a deadline",
        ),
        (
            Place(
                blocked=_methods(
                    _HTTP2_STREAM,
                    "Stream).doRequest",
                    "Stream).writeRequest",
                    "Stream).awaitFlowControl",
                )
            ),
        ),
    ),
    (
        LeakPattern(
            "http-client-connections-kept",
            "a client's connections pile up: response bodies that are not closed, or a new "
            "http.Transport for each request, whose idle connections nobody else can use",
            "close every response body; share one http.Client, set IdleConnTimeout, and "
            "call CloseIdleConnections on a Transport that is given up",
        ),
        (
            Place(blocked=("net/http.(*persistConn).writeLoop",)),
            Place(
                started=(
                    "net/http.(*persistConn).",
                    "net/http.(*Transport).dialConn",
                    *_methods(_HTTP2_CLIENT, "Conn).readLoop"),
                    *_methods(_HTTP2_TRANSPORT, ").newClientConn"),
                ),
                waits=("IO wait",),
            ),
        ),
    ),
    (
        LeakPattern(
            "http-server-without-timeouts",
            "clients keep connections open and the server never ends them",
            "set ReadHeaderTimeout, IdleTimeout and, where they fit, ReadTimeout and "
            "WriteTimeout of http.Server",
        ),
        (
            Place(
                started=("net/http.(*conn).serve", "net/http.(*Server).Serve"), waits=("IO wait",)
            ),
        ),
    ),
    (
        LeakPattern(
            "sql-rows-not-closed",
            "the rows of a query were neither read to their end nor closed, so their "
            "connection never returns to the pool",
            "defer rows.Close() right after the error check, and check rows.Err() after the loop",
        ),
        (Place(blocked=("database/sql.(*Rows).awaitDone",)),),
    ),
    (
        LeakPattern(
            "sql-transaction-not-ended",
            "a transaction was neither committed nor rolled back, so its connection never "
            "returns to the pool",
            "defer tx.Rollback() right after Begin (after Commit it does nothing), and give"
            " BeginTx a context with a deadline",
        ),
        (Place(blocked=("database/sql.(*Tx).awaitDone",)),),
    ),
    (
        LeakPattern(
            "sql-connections-exhausted",
            "every connection of the pool is taken, by rows or transactions that nobody "
            "ends or by slow queries",
            "find what keeps rows or transactions open; pass contexts with deadlines; watch"
            " DB.Stats().InUse against MaxOpenConnections",
        ),
        (Place(blocked=("database/sql.(*DB).conn",), waits=("select",)),),
    ),
    (
        LeakPattern(
            "sql-database-not-closed",
            "sql.Open is called again and again; each call makes a pool that lives until Close",
            "open one sql.DB for the life of the process and share it",
        ),
        (
            Place(
                blocked=(
                    "database/sql.(*DB).connectionOpener",
                    "database/sql.(*DB).connectionCleaner",
                )
            ),
        ),
    ),
    (
        LeakPattern(
            "grpc-stream-not-ended",
            "a client stream was given up without reading it to its error or cancelling its"
            " context",
            "cancel the stream's context when done with it, or call Recv until it returns an error",
        ),
        (
            Place(
                blocked=(
                    "google.golang.org/grpc.newClientStream",
                    "google.golang.org/grpc.NewClientStream",
                    "google.golang.org/grpc.newNonRetryClientStream",
                    "google.golang.org/grpc/internal/transport.(*recvBufferReader).",
                )
            ),
        ),
    ),
    (
        LeakPattern(
            "grpc-connection-not-closed",
            "grpc.NewClient or Dial is called again and again; each connection keeps "
            "goroutines until Close",
            "share one ClientConn for each server, or close it when done",
        ),
        (
            Place(
                blocked=(
                    "google.golang.org/grpc.(*addrConn).",
                    "google.golang.org/grpc.(*ccBalancerWrapper).",
                    "google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).",
                    "google.golang.org/grpc/internal/transport.(*controlBuffer).",
                    "google.golang.org/grpc/internal/transport.(*http2Client).",
                )
            ),
        ),
    ),
    (
        LeakPattern(
            "context-never-cancelled",
            "a context was derived from a parent of a foreign type and neither of them is "
            "ever cancelled",
            "defer cancel() right after WithCancel, WithTimeout or WithDeadline (go vet "
            "finds calls that lose it)",
        ),
        (Place(blocked=("context.(*cancelCtx).propagateCancel", "context.propagateCancel")),),
    ),
    (
        LeakPattern(
            "child-process-not-ended",
            "a child process, or a grandchild that inherited its output, does not end, and "
            "Wait waits for both",
            "start it with exec.CommandContext and set Cmd.WaitDelay; call Wait after every Start",
        ),
        (
            Place(blocked=("os/exec.",)),
            Place(started=("os/exec.",), waits=("IO wait", "syscall", "chan receive", "select")),
        ),
    ),
    (
        LeakPattern(
            "errgroup-limit-reached",
            "Group.Go waits for room under the group's limit, and its members do not return",
            "find where the group's members block; give them the group's context and return"
            " when it is done",
        ),
        (Place(blocked=("golang.org/x/sync/errgroup.(*Group).Go",)),),
    ),
    (
        LeakPattern(
            "semaphore-not-released",
            "a semaphore's weight is held by code that returned without Release, or that is"
            " itself stuck",
            "defer Release right after Acquire, and pass Acquire a context with a deadline",
        ),
        (Place(blocked=("golang.org/x/sync/semaphore.(*Weighted).Acquire",)),),
    ),
    (
        LeakPattern(
            "singleflight-call-stuck",
            "every caller of one key waits for the first call, which does not return",
            "give the shared call a deadline of its own, and wait for it by DoChan and a context",
        ),
        (Place(blocked=("golang.org/x/sync/singleflight.(*Group).",)),),
    ),
    (
        LeakPattern(
            "watcher-not-closed",
            "a watcher was made and given up without closing it",
            "close the watcher (Close, or Stop) on every path that ends its use",
        ),
        (
            Place(
                blocked=(
                    "github.com/fsnotify/fsnotify.",
                    "k8s.io/apimachinery/pkg/watch.(*StreamWatcher).",
                    "k8s.io/apimachinery/pkg/watch.(*Broadcaster).",
                )
            ),
            Place(
                started=(
                    "github.com/fsnotify/fsnotify.",
                    "k8s.io/apimachinery/pkg/watch.NewStreamWatcher",
                    "k8s.io/apimachinery/pkg/watch.(*StreamWatcher).",
                ),
                waits=("IO wait", "syscall"),
            ),
        ),
    ),
)
"""Patterns and where they show, most telling first: the first that fits is the one."""
